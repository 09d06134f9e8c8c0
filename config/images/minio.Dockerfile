# MinIO from source, as no image of it is published any more. MINIO_IMAGE names a ready-made one to take instead, such as one of the maintained fork.
ARG MINIO_IMAGE=from-source

FROM golang:1.26-bookworm AS build
# The same commit as the local stack's.
ARG MINIO_VERSION=v0.0.0-20260212201848-7aac2a2c5b7c
RUN CGO_ENABLED=0 GOBIN=/out go install -trimpath -ldflags '-s -w' github.com/minio/minio@${MINIO_VERSION}

FROM debian:bookworm-slim AS from-source
COPY --from=build /out/minio /usr/local/bin/minio
ENTRYPOINT ["minio"]

FROM ${MINIO_IMAGE}
COPY healthy /usr/local/bin/healthy
