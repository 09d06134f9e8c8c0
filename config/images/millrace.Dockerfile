# The one image of all roles: Node, the production dependencies, and the TypeScript as it is, which Node runs unbuilt.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /opt/millrace
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
# What only editors, debuggers and the packages' own tests read. (Node runs no TypeScript below node_modules.)
RUN find node_modules -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -name '*.test.js' \) -delete \
  && find node_modules -type d \( -name test -o -name tests -o -name __tests__ \) -prune -exec rm -r {} +

# Not the image of Node: nothing here needs npm.
FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin millrace
COPY --from=dependencies /usr/local/bin/node /usr/local/bin/node
COPY config/images/millrace config/images/healthy /usr/local/bin/
COPY --from=dependencies /opt/millrace /opt/millrace
COPY config/millrace.yaml /opt/millrace/config/millrace.yaml
COPY workers /opt/millrace/workers
ENV NODE_ENV=production
USER 10001:10001
WORKDIR /opt/millrace
ENTRYPOINT ["millrace"]
CMD ["--help"]
