/** main.ts: prints the dashboard as Grafana imports it. */
import { dashboard } from "./dashboard.ts";

process.stdout.write(`${JSON.stringify(dashboard, null, 2)}\n`);
