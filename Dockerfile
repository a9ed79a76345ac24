# One image for every process: `docker run … oms-ledger serve`, `project`, `work`, `scheduler`, `migrate`, `up`.
# `docker build -t oms-ledger .`; any Debian with Python 3.11 to 3.13 can be the base.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock ./
RUN python3 -m venv /opt/oms-ledger \
    && /opt/oms-ledger/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY oms_ledger ./oms_ledger
COPY projections ./projections
COPY workers ./workers
# What only builds is taken out again: the image installs nothing.
RUN /opt/oms-ledger/bin/pip install --no-deps --no-build-isolation . \
    && /opt/oms-ledger/bin/python -m compileall -q /opt/oms-ledger/lib \
    && /opt/oms-ledger/bin/pip uninstall -y setuptools pip

FROM ${BASE}
LABEL org.opencontainers.image.title="oms-ledger" \
      org.opencontainers.image.description="A self-hosted, event-sourced order ledger"
RUN groupadd --system --gid 10001 oms \
    && useradd --system --uid 10001 --gid 10001 --home-dir /data --shell /usr/sbin/nologin oms \
    && install -d -o oms -g oms -m 700 /data
COPY --from=build /opt/oms-ledger /opt/oms-ledger
ENV PATH=/opt/oms-ledger/bin:$PATH PYTHONUNBUFFERED=1 OMS_DATA_DIR=/data OMS_HOST=0.0.0.0 OMS_PORT=8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Every process leaves a sign of life in the database, so this holds for those without a port as well.
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 CMD ["oms-ledger", "alive"]
ENTRYPOINT ["oms-ledger"]
CMD ["up"]
