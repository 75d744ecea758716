# Steelyard in a container: docker build --build-arg EXTRAS=edge for a gateway, EXTRAS=server (the default) for the rest.
FROM python:3.11-slim AS build
WORKDIR /source
# Every locked file, checked against its hash, into a directory; from then on nothing comes from the network, so that
# what is installed below can only be what was locked, however little of it the chosen extras need.
COPY requirements.lock ./
RUN pip download --quiet --no-cache-dir --disable-pip-version-check --only-binary :all: \
        --require-hashes --requirement requirements.lock --dest /wheels
COPY . ./
ARG EXTRAS=server
RUN python -m venv --without-pip /opt/steelyard \
    && pip --python /opt/steelyard/bin/python install --quiet --no-cache-dir --disable-pip-version-check \
        --no-index --find-links /wheels ".[${EXTRAS}]"

FROM python:3.11-slim
# A number, not a name: Kubernetes' runAsNonRoot and a volume's owner are numbers too.
RUN groupadd --gid 10001 steelyard \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/steelyard --shell /usr/sbin/nologin steelyard \
    && for place in /etc/steelyard /identity /var/lib/steelyard \
        /out/authority /out/broker /out/broker-data /out/gateway /out/ingest /out/server \
        /out/postgres-password /out/influxdb-password /out/influxdb-token; do \
        install -d -o steelyard -g steelyard -m 0750 "$place"; done
COPY --from=build /opt/steelyard /opt/steelyard
ENV PATH=/opt/steelyard/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/steelyard
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["steelyard", "--help"]
