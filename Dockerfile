# docker build -t streamsend-agent .
#
# Tags move. For an image that can be made again as it was, name both by digest (docs/operations.md, "In a container"):
# --build-arg BUILD_IMAGE=debian:12@sha256:... --build-arg BASE_IMAGE=debian:12-slim@sha256:...
ARG BUILD_IMAGE=debian:12
ARG BASE_IMAGE=debian:12-slim

# Built on the release that it runs on: the executable needs the C library of the machine that built it, or a newer one.
FROM ${BUILD_IMAGE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates
WORKDIR /src
# The tools first: they stay in Docker's cache for as long as these files stay the same.
COPY package.json package-lock.json ./
COPY scripts scripts
RUN scripts/setup
COPY . .
RUN scripts/build

# One file, the authorities that TLS trusts by default, and no shell needed.
FROM ${BASE_IMAGE}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/dist/streamsend-agent /usr/local/bin/streamsend-agent
# Threads for file calls; counts only if it is set before the process starts. See docs/operations.md.
ENV UV_THREADPOOL_SIZE=8
# Nobody in particular. What is mounted has to be readable for this user, an output writable; --user chooses another.
USER 65532:65532
# Health, metrics and status are on 127.0.0.1:9480 of the container; for others: STREAMSEND_HTTP_LISTEN=0.0.0.0:9480 and a token.
# As a health check, without a shell or curl: streamsend-agent status. See docs/operations.md.
# It makes no output directory, writes nowhere else, and runs with --read-only.
ENTRYPOINT ["/usr/local/bin/streamsend-agent"]
