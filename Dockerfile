# claims-proxy as a container: Debian's Python, our wheels, nothing that builds.
#
#   docker build -t claims-proxy --build-arg REVISION="$(git rev-parse HEAD)" .
#   docker run --read-only --cap-drop ALL -p 8443:8443 -v ./proxy.yaml:/etc/claims-proxy/proxy.yaml:ro claims-proxy
#
# It writes nowhere; only an `observability.audit_file` needs a folder mounted that 65532 may write to.

FROM debian:bookworm-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3-venv \
 && rm -rf /var/lib/apt/lists/*
# The venv that is shipped knows no pip; the one beside it installs into it.
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/claims-proxy
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY deploy/requirements.txt deploy/requirements-build.txt /src/deploy/
RUN /build/bin/pip install --require-hashes --only-binary :all: -r /src/deploy/requirements-build.txt \
 && /build/bin/pip --python /opt/claims-proxy install \
        --no-compile --require-hashes --only-binary :all: -r /src/deploy/requirements.txt
COPY LICENSE README.md pyproject.toml /src/
COPY proxy /src/proxy
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel /src \
 && /build/bin/pip --python /opt/claims-proxy install --no-compile --no-deps /wheel/*.whl \
 && /build/bin/pip --python /opt/claims-proxy check
# Hash-based and unchecked: the root is read-only, so no source can be newer than its bytecode, whatever the dates say.
RUN python3 -m compileall -q -f -j 0 --invalidation-mode unchecked-hash /opt/claims-proxy/lib

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/*
COPY --from=build /opt/claims-proxy /opt/claims-proxy

ENV PATH=/opt/claims-proxy/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    CLAIMS_PROXY_CONFIG=/etc/claims-proxy/proxy.yaml \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
WORKDIR /etc/claims-proxy
# A number, so that Kubernetes' runAsNonRoot can judge it.
USER 65532:65532
EXPOSE 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["claims-proxy", "health"]
ENTRYPOINT ["claims-proxy"]
CMD ["run", "--config", "/etc/claims-proxy/proxy.yaml"]

# Last, so that another revision costs no layer.
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="claims-proxy" \
      org.opencontainers.image.description="A claims-based authentication reverse proxy for Dynamics 365 Customer Engagement (on-premises) and other applications behind AD FS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
