# Two images of one source:
#   docker build -t pilothouse --target pilothouse .                control plane and all commands
#   docker build -t pilothouse-agent --target pilothouse-agent .    the same with an Envoy, run by pilot agent
# Works with BuildKit and without it.
ARG PYTHON_IMAGE=python:3.11-slim
ARG ENVOY_IMAGE=envoyproxy/envoy:v1.40.0

FROM ${ENVOY_IMAGE} AS envoy

FROM ${PYTHON_IMAGE} AS build
RUN python3 -m venv /opt/pilothouse
WORKDIR /src
# What the project needs comes first: it changes seldom, and its layer is kept when only the source changes.
COPY pyproject.toml ./
RUN python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > requirements.txt \
 && /opt/pilothouse/bin/pip install --no-cache-dir -r requirements.txt "setuptools>=77" wheel
COPY README.md LICENSE ./
COPY envoycodec envoycodec
COPY galley galley
COPY citadel citadel
COPY pilot pilot
COPY packaging packaging
COPY rules rules
COPY docker-compose.yml docker-compose.agent.yml ./
RUN /opt/pilothouse/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/pilothouse/bin/pip uninstall --yes --quiet setuptools wheel pip

FROM ${PYTHON_IMAGE} AS base
LABEL org.opencontainers.image.title="Pilothouse" \
      org.opencontainers.image.description="An Envoy control plane that speaks Istio's API and needs no Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
# For pilot redirect, which is run as root in the network namespace of a workload.
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends iptables iproute2 \
 && rm -rf /var/lib/apt/lists/*
# Sidecars run as user 1337, whose traffic the capture rules leave alone; what is written for them is theirs.
RUN groupadd --gid 1337 pilothouse \
 && useradd --uid 1337 --gid 1337 --no-create-home --home-dir /var/lib/pilothouse --shell /usr/sbin/nologin pilothouse \
 && install -d -m 0700 -o 1337 -g 1337 /var/lib/pilothouse /var/lib/pilot-agent \
 && install -d -m 0755 -o 1337 -g 1337 /rules /var/lib/pilothouse/public
COPY --from=build /opt/pilothouse /opt/pilothouse
ENV PATH=/opt/pilothouse/bin:$PATH PYTHONUNBUFFERED=1
USER 1337:1337
WORKDIR /var/lib/pilothouse

FROM base AS pilothouse
EXPOSE 15012 15013
HEALTHCHECK --interval=5s --timeout=3s --retries=12 CMD ["pilot", "health"]
CMD ["pilot", "serve", "--config", "/rules", "--state", "/var/lib/pilothouse", "--citadel", "/var/lib/pilothouse", \
     "--xds-address", "0.0.0.0:15012", "--xds-san", "pilot", "--allow-empty"]

FROM base AS pilothouse-agent
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
WORKDIR /var/lib/pilot-agent
ENTRYPOINT ["pilot", "agent"]
