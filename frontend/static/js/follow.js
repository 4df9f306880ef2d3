/**
 * Follows a job. The events are a doorbell: each one means "look again", so a lost or repeated event does no harm, and the page works
 * the same when a proxy swallows the stream and only polling is left.
 *
 * @typedef {'connecting'|'live'|'polling'|'lost'} Mode
 */

import { jobPath, url } from "./api.js";

const KINDS = ["state", "stage", "progress", "qc", "result", "error"];
const QUIET_MS = 10_000; // live: a look now and then, as the queue moves without events of this job
const POLL_MS = 3_000;
const POLL_SLOWEST_MS = 20_000;
const REOPEN_MS = 15_000;
const MIN_GAP_MS = 400;

/** Calls `look` whenever something may have changed. */
export class Follower {
  /**
   * @param {string} id job
   * @param {() => Promise<void>} look fetches and shows the job; rejects when the server does not answer
   * @param {(mode: Mode) => void} onMode
   */
  constructor(id, look, onMode) {
    this.id = id;
    this.look = look;
    this.onMode = onMode;
    /** @type {EventSource|null} */
    this.source = null;
    this.running = false;
    this.broken = false; // whether the stream has failed since it was last open
    this.busy = false;
    this.again = false;
    this.last = 0;
    this.wait = POLL_MS;
    this.timer = 0;
    this.reopenTimer = 0;
    document.addEventListener("visibilitychange", () => {
      if (!this.running) return;
      if (document.hidden) this.source?.close();
      else this.open();
      this.knock();
    });
  }

  /** Begin; does nothing when it already runs. */
  start() {
    if (this.running) return;
    this.running = true;
    this.onMode("connecting");
    this.open();
    this.schedule(QUIET_MS);
  }

  /** End: no more requests. */
  stop() {
    this.running = false;
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    clearTimeout(this.reopenTimer);
  }

  /** @returns {boolean} whether events arrive */
  get live() {
    return this.source?.readyState === EventSource.OPEN;
  }

  /** @returns {Mode} how the page learns of changes, when the server answers */
  get mode() {
    if (this.live) return "live";
    return this.broken ? "polling" : "connecting";
  }

  /** Open the stream; a hidden page lets it go, as a browser keeps only six connections to one server. */
  open() {
    if (document.hidden) return;
    this.source?.close();
    const source = new EventSource(url(`${jobPath(this.id)}/events`));
    this.source = source;
    source.addEventListener("open", () => {
      this.broken = false;
      this.onMode("live");
      this.knock();
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        // The job's own "error" event shares its name with the stream's; only the former carries data.
        if (event instanceof MessageEvent) this.knock();
        else this.onBroken(source);
      });
    }
  }

  /** @param {EventSource} source */
  onBroken(source) {
    if (!this.running || source !== this.source) return;
    this.broken = true;
    this.onMode("polling");
    this.knock();
    if (source.readyState !== EventSource.CLOSED) return; // the browser reconnects by itself
    clearTimeout(this.reopenTimer);
    this.reopenTimer = setTimeout(() => this.running && this.open(), REOPEN_MS);
  }

  /** Look soon, but not more often than the gap allows. */
  knock() {
    if (this.busy) this.again = true;
    else this.schedule(Math.max(0, this.last + MIN_GAP_MS - performance.now()));
  }

  /** @param {number} delay milliseconds */
  schedule(delay) {
    clearTimeout(this.timer);
    if (this.running) this.timer = setTimeout(() => this.run(), delay);
  }

  async run() {
    this.busy = true;
    this.again = false;
    try {
      await this.look();
      this.wait = POLL_MS;
      if (this.running) this.onMode(this.mode);
    } catch {
      this.wait = Math.min(POLL_SLOWEST_MS, this.wait * 1.6);
      if (this.running) this.onMode("lost");
    } finally {
      this.busy = false;
      this.last = performance.now();
      const rest = this.live ? QUIET_MS : this.wait;
      this.schedule(this.again ? MIN_GAP_MS : rest);
    }
  }
}
