/** Speed and time left of an upload. */

const WINDOW_MS = 8000;

/** Smooths over the last seconds, so that the numbers neither jump nor remember a slow start for ever. */
export class Transfer {
  constructor() {
    /** @type {{time: number, sent: number}[]} */
    this.marks = [];
  }

  /**
   * @param {number} sent bytes so far
   * @param {number} total bytes
   * @param {number} now milliseconds
   * @returns {{speed: number|null, left: number|null}} bytes per second and seconds, null until they can be told
   */
  add(sent, total, now) {
    this.marks.push({ time: now, sent });
    while (this.marks.length > 2 && now - this.marks[0].time > WINDOW_MS) this.marks.shift();
    const first = this.marks[0];
    const seconds = (now - first.time) / 1000;
    if (seconds < 0.5) return { speed: null, left: null };
    const speed = (sent - first.sent) / seconds;
    return { speed, left: speed > 0 ? (total - sent) / speed : null };
  }
}
