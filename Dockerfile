# The one image: emulators, control service, reference gateway and emulated webhook.
#   docker build -t apim-sandbox . && docker run --rm apim-sandbox --help
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/venv
# Dependencies first, by hash: a change of the code alone does not fetch them again.
COPY requirements.lock ./
RUN python -m pip --python /opt/venv/bin/python install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY emulators emulators
COPY sandbox sandbox
COPY examples/article examples/article
COPY scenarios scenarios
COPY docs/scenario.schema.json docs/
RUN python -m pip --python /opt/venv/bin/python install --no-deps .

FROM ${BASE}
# Nobody's ids on a usual host. The state directory is a volume's or a bind mount's place.
RUN groupadd --gid 10001 sandbox \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sandbox \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/apim-sandbox
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NO_COLOR=1 \
    APIM_SANDBOX_STATE_DIR=/var/lib/apim-sandbox
USER 10001:10001
WORKDIR /tmp
# Docker lets a container's users bind low ports (net.ipv4.ip_unprivileged_port_start=0 since 20.10),
# so that no capability is needed for 443. Whatever is served says where to look: 443 unless told.
HEALTHCHECK --interval=10s --start-period=60s --timeout=3s --retries=3 CMD ["python", "-m", "apim_sandbox.health"]
ENTRYPOINT ["apim-sandbox"]
CMD ["--help"]
