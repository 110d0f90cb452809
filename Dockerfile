# docker build -t streamsend-agent .
# docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/streamsend-agent --push .
#
# Tags move. For an image that can be made again as it was, name both by digest (docs/containers.md):
# --build-arg BUILD_IMAGE=debian:12@sha256:... --build-arg BASE_IMAGE=debian:12-slim@sha256:...
ARG BUILD_IMAGE=debian:12
ARG BASE_IMAGE=debian:12-slim

# What is for the other architecture is compiled for it on this one, which takes a minute; emulated it would be half an hour.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
ARG TARGETARCH
# The release is chosen above, and the newest fixes in it are wanted.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates
WORKDIR /src
# The tools first: they stay in Docker's cache for as long as these files stay the same.
COPY package.json package-lock.json ./
COPY scripts/setup scripts/lib.sh scripts/
RUN if [ "$TARGETARCH" = "$(dpkg --print-architecture)" ]; then scripts/setup --build; else scripts/setup --build --package; fi
COPY scripts scripts
COPY agent agent
# The executable, and whose work is in it: that has to be passed on with it.
RUN scripts/build --target "linux-$TARGETARCH" --outfile dist/streamsend-agent && \
    bash -ec '. scripts/lib.sh; SOURCE_DATE_EPOCH=0 "$(bun_path)" run scripts/package-parts/main.ts copyright "$TARGETARCH"' > dist/copyright

# One file, the authorities that TLS trusts by default, and no shell needed: any base with glibc will do.
FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="streamsend-agent" \
      org.opencontainers.image.description="Moves files of any size through Apache Kafka" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/dist/copyright /usr/share/doc/streamsend-agent/copyright
COPY --from=build /src/dist/streamsend-agent /usr/local/bin/streamsend-agent
# Threads for file calls; counts only if it is set before the process starts. See docs/operations.md.
ENV UV_THREADPOOL_SIZE=8
# Nobody in particular. What is mounted has to be readable for this user, an output writable; --user chooses another.
USER 65532:65532
# Health, metrics and status are on 127.0.0.1:9480 of the container; for others: STREAMSEND_HTTP_LISTEN=0.0.0.0:9480 and a token.
EXPOSE 9480
# Healthy is an agent that answers, also while it waits for a broker or for room: starting it again would not help. Asked where it listens,
# with its token, by the configuration file and the environment.
HEALTHCHECK --interval=30s --timeout=15s --start-period=20s --retries=3 CMD ["/usr/local/bin/streamsend-agent", "status"]
# It makes no output directory, writes nowhere else, and runs with --read-only.
ENTRYPOINT ["/usr/local/bin/streamsend-agent"]
