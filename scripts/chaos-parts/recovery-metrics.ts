/** What an agent counts itself, read from its metrics again and again, as every kill sets its counters back to nothing. */

const timeoutMs = 1000;

export class RecoveryMetrics {
  /** Where the agent serves its metrics, on this machine. */
  port: number;
  #before = new Map<string, number>();
  #now = new Map<string, number>();
  #asking = false;

  constructor(port: number) {
    this.port = port;
  }

  /** How often the agent and those before it have taken a way, as far as was seen. */
  taken(way: string): number {
    return (this.#before.get(way) ?? 0) + (this.#now.get(way) ?? 0);
  }

  /** A new process begins to count. */
  restarted(): void {
    for (const [way, count] of this.#now) this.#before.set(way, (this.#before.get(way) ?? 0) + count);
    this.#now = new Map();
  }

  /** Asks, unless an answer is waited for already. One that is stopped or starting does not answer; the next look finds it. */
  async look(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const current = this.#now;
    try {
      const response = await fetch(`http://127.0.0.1:${this.port}/metrics`, {
        signal: AbortSignal.timeout(timeoutMs),
      });
      for (const [way, count] of recoveriesIn(await response.text())) current.set(way, count);
    } catch {
      // No answer.
    } finally {
      this.#asking = false;
    }
  }
}

/** `streamsend_recoveries_total{way="log"} 3` */
export function recoveriesIn(metrics: string): Map<string, number> {
  const found = metrics.matchAll(/^streamsend_recoveries_total\{[^}]*way="([^"]*)"[^}]*\} (\d+)/gm);
  return new Map([...found].map(([, way = "", count]) => [way, Number(count)]));
}
