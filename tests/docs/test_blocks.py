"""The blocks of a page are found, with what is promised of them."""

from __future__ import annotations

import pytest

from tests.docs.blocks import Block, read_blocks

PAGE = """\
# A page

```sh
echo one
```

<!-- output -->
```text
o…
```

- in a list

  <!-- not run: it needs a machine -->
  ```sh
  reboot
  ```

<!-- in the background until: ready -->
```sh
serve
```

```yaml
kind: Other
```
"""


def test_blocks_are_found_with_their_notes() -> None:
    assert read_blocks(PAGE) == (
        Block(3, "echo one", promised=("o…",)),
        Block(14, "reboot", skipped="it needs a machine"),
        Block(19, "serve", until="ready"),
    )


@pytest.mark.parametrize(
    ("promised", "output", "is_kept"),
    [
        (("one", "three"), "one\ntwo\nthree\n", True),
        (("three", "one"), "one\ntwo\nthree\n", False),
        (("o…e x",), "one   x\n", True),
        (("one",), "one more\n", False),
        (("a.c",), "abc\n", False),
        ((), "", True),
    ],
)
def test_promised_lines_come_in_order(promised: tuple[str, ...], output: str, is_kept: bool) -> None:
    assert Block(1, "x", promised=promised).is_kept(output) is is_kept


@pytest.mark.parametrize("page", ["<!-- output -->\n```text\nx\n```\n", "<!-- not run: -->\n```sh\nx\n```\n"])
def test_a_note_that_means_nothing_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        read_blocks(page)
