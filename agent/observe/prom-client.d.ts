/**
 * The three parts of prom-client that are used, each imported for itself: the package's own entry loads an HTTP client, a
 * cluster's aggregation and Node's profiling with them, 10 MiB in all.
 */
declare module "prom-client/lib/counter.js" {
  export { Counter as default } from "prom-client";
}
declare module "prom-client/lib/gauge.js" {
  export { Gauge as default } from "prom-client";
}
declare module "prom-client/lib/registry.js" {
  export { Registry as default } from "prom-client";
}
