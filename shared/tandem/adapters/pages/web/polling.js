// Asks again and again, gently: never twice at once, not while the page is hidden, more slowly when answers take long
// or fail.

const SHARE_OF_TIME = 5;
const SLOWEST_MS = 60_000;

export class Polling {
  // work(signal) is awaited; failed(error) is told of what it throws; seconds() is the pause after it, null: no more.
  constructor(work, failed, pauseSeconds) {
    this.work = work;
    this.failed = failed;
    this.pauseSeconds = pauseSeconds;
    this.failures = 0;
    this.timer = null;
    this.abort = new AbortController();
    this.onVisible = () => {
      if (!document.hidden && this.timer !== null) this.wait(0);
    };
    document.addEventListener("visibilitychange", this.onVisible);
    addEventListener("online", this.onVisible);
    this.turn();
  }

  close() {
    this.abort.abort();
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
    removeEventListener("online", this.onVisible);
  }

  async turn() {
    this.timer = null;
    const began = performance.now();
    try {
      await this.work(this.abort.signal);
      this.failures = 0;
    } catch (failure) {
      if (this.abort.signal.aborted) return;
      this.failures += 1;
      this.failed(failure);
    }
    const pause = this.pauseSeconds();
    if (this.abort.signal.aborted || pause === null) return;
    const took = performance.now() - began;
    this.wait(Math.min(SLOWEST_MS, Math.max(pause * 1000, took * SHARE_OF_TIME) * 2 ** Math.min(this.failures, 5)));
  }

  wait(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (document.hidden ? this.wait(SLOWEST_MS) : this.turn()), milliseconds);
  }
}
