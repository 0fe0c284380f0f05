from pilot.ir.listener_filters import HttpInspectorPlan, TlsInspectorPlan


def test_excluded_ports_are_sorted_and_occur_once() -> None:
    assert HttpInspectorPlan((3306, 80, 3306)).excluded_ports == (80, 3306)
    assert TlsInspectorPlan((2, 1)) == TlsInspectorPlan((1, 2, 2))
