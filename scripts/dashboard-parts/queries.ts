/** What the panels ask Prometheus, in parts. */
/** The series of the agents that are chosen at the top. @param more a further matcher: `result="failed"` */
export function of(metric: string, more = ""): string {
  return `${metric}{job=~"$job", instance=~"$instance"${more && `, ${more}`}}`;
}

/** Gauges have no label for the role; the build has. */
export function ofRole(role: "uploader" | "downloader", metric: string): string {
  return `${of(metric)} and on (job, instance) ${of("streamsend_build_info", `role="${role}"`)}`;
}

/** How much a minute, by labels. */
export function eachMinute(labels: string, series: string): string {
  return `sum by (${labels}) (rate(${series}[$__rate_interval])) * 60`;
}

/** Of a thousand agents nobody reads as many lines. */
export function largest(expression: string): string {
  return `topk(10, ${expression})`;
}

/** Files a minute, by what became of them. */
export const filesOf = (role: "uploader" | "downloader") =>
  eachMinute("result", of("streamsend_files_total", `role="${role}"`));
