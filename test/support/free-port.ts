/** A TCP port of 127.0.0.1 that nobody has at this moment. */
export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  // Before it is given back: afterwards it says 0.
  const { port } = probe;
  probe.stop(true);
  return port;
}
