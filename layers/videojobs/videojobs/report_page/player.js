// The video: plays, seeks, and says what to do where it can't be loaded. Without it, time can still be moved by hand.

const RENEWED_AGAIN_AFTER_MS = 30_000; // a link that fails sooner is not just old
const FRAME_INSIDE = 0.001; // offsets are rounded: a little later than one is surely inside its frame

/** Tells by events: `time` when another picture is shown, `state` when it plays, pauses, loads or fails, `settled` after a seek or a pause. */
export class Player extends EventTarget {
  #video;
  #url; // null where there is none
  #time = 0;
  #length; // seconds of results, for a video that can't tell its own
  #renewedAt = -Infinity;
  #isMeantToPlay = false; // a video that fails is paused by the browser, now and then before it tells
  isBroken = false;

  constructor(video, url, length) {
    super();
    this.#video = video;
    this.#length = length;
    video.addEventListener("error", () => this.#fail());
    for (const name of ["loadedmetadata", "play", "pause", "loadeddata", "waiting", "playing", "seeked", "ended", "volumechange", "durationchange"]) {
      video.addEventListener(name, () => this.#tell("state"));
    }
    for (const name of ["pause", "seeked"]) video.addEventListener(name, () => this.#tell("settled"));
    for (const name of ["seeked", "timeupdate"]) video.addEventListener(name, () => this.#move(video.currentTime));
    video.addEventListener("ended", () => (this.#isMeantToPlay = false));
    this.#watchFrames();
    this.load(url);
  }

  /** Loads a video, or the same again, and goes to where this one was. */
  load(url = this.#url, { resume = false } = {}) {
    const time = this.#time;
    this.#url = url;
    this.isBroken = url === null;
    if (url !== null) this.#video.src = url;
    this.#video.addEventListener("loadedmetadata", () => {
      if (time > 0) this.#video.currentTime = time;
      if (resume) this.play();
    }, { once: true });
    this.#tell("state");
  }

  get isReady() {
    return !this.isBroken && this.#video.readyState >= HTMLMediaElement.HAVE_METADATA;
  }

  get isLoading() {
    return !this.isBroken && this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA;
  }

  get isPlaying() {
    return !this.#video.paused && !this.#video.ended;
  }

  get isMuted() {
    return this.#video.muted;
  }

  /** The time of the picture that is shown, seconds. */
  get time() {
    return this.#time;
  }

  get duration() {
    const own = this.isReady ? this.#video.duration : NaN;
    return Number.isFinite(own) && own > 0 ? own : this.#length;
  }

  /** {width, height} in pixels, or null while there is no picture. */
  get picture() {
    return this.isReady && this.#video.videoWidth ? { width: this.#video.videoWidth, height: this.#video.videoHeight } : null;
  }

  play() {
    if (!this.isReady) return;
    this.#isMeantToPlay = true;
    this.#video.play().catch(() => this.#tell("state"));
  }

  togglePlay() {
    if (!this.isPlaying) return this.play();
    this.#isMeantToPlay = false;
    this.#video.pause();
  }

  toggleMute() {
    this.#video.muted = !this.#video.muted;
  }

  set speed(rate) {
    this.#video.playbackRate = rate;
  }

  seek(time) {
    const target = Math.min(Math.max(0, time), this.duration);
    if (this.isReady) this.#video.currentTime = target;
    this.#move(target);
    if (!this.isReady) this.#tell("settled");
  }

  /** Goes to a sampled frame. */
  seekToFrame(timeOffset) {
    this.seek(timeOffset + FRAME_INSIDE);
  }

  #fail() {
    const { error } = this.#video;
    // A link that was good and has expired meanwhile: asking for it again makes a new one.
    const isOld = error?.code === MediaError.MEDIA_ERR_NETWORK || this.#time > 0;
    if (isOld && performance.now() - this.#renewedAt > RENEWED_AGAIN_AFTER_MS) {
      this.#renewedAt = performance.now();
      this.load(this.#url, { resume: this.#isMeantToPlay });
      return;
    }
    this.isBroken = true;
    this.#tell("state");
  }

  #watchFrames() {
    if (!this.#video.requestVideoFrameCallback) {
      const watch = () => {
        if (this.isPlaying) this.#move(this.#video.currentTime);
        requestAnimationFrame(watch);
      };
      requestAnimationFrame(watch);
      return;
    }
    const watch = (_, { mediaTime }) => {
      if (!this.#video.seeking) this.#move(mediaTime);
      this.#video.requestVideoFrameCallback(watch);
    };
    this.#video.requestVideoFrameCallback(watch);
  }

  #move(time) {
    if (time === this.#time) return;
    this.#time = time;
    this.#tell("time");
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}

/** What is said where the video can't be loaded: {title, text}. */
export function explainMissingVideo({ title, share_url, convert }) {
  const ending = /\.(mkv|avi)$/i.exec(title)?.[0].toLowerCase();
  const advice = ending ? ` Many browsers can't play ${ending}: make an MP4 of it with ${convert}, and choose that.` : "";
  return share_url === null
    ? {
        title: `${title} can't be played`,
        text: `Is it still where it was when this page was made? Put it back, or choose the file from this device.${advice}`,
      }
    : {
        title: "The video can't be loaded",
        text:
          "The link may have expired, or you may be offline. Open the report by its link again, ask whoever shared it for a new one, " +
          `or choose the video's file from this device.${advice}`,
      };
}
