# The Collector distribution of collector-config/builder.yaml.
# From the checkout: docker build -f deploy/collector.Dockerfile -t otelcol-lineage:0.159.0 .
FROM golang:1.26 AS build
ENV CGO_ENABLED=0
RUN go install go.opentelemetry.io/collector/cmd/builder@v0.159.0
WORKDIR /src
COPY collector-config/builder.yaml .
RUN builder --config builder.yaml \
 && mkdir -p /queues/otelcol-gateway /queues/otelcol-agent

# busybox has the wget of the health check.
FROM busybox:1.37
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/_build/otelcol-lineage /otelcol-lineage
COPY --from=build --chown=10001:10001 /queues/ /var/lib/
COPY collector-config/*.yaml /etc/otelcol/
USER 10001:10001
EXPOSE 4317 4318
ENTRYPOINT ["/otelcol-lineage"]
CMD ["--config", "/etc/otelcol/gateway.yaml"]
