// The video: plays, seeks, and says what to do where it can't be loaded. Without it, time can still be moved by hand.

const RENEWED_AGAIN_AFTER_MS = 30_000; // a link that fails sooner is not just old
const FRAME_INSIDE = 0.001; // offsets are rounded: a little later than one is surely inside its frame

/**
 * Dispatches `time` when another picture is shown, `state` when the video plays, pauses, loads or fails, `settled` after a seek or a pause.
 *
 * All times are the page's: the first picture is shown at `span.start`. Some browsers show it at another time (Firefox subtracts the start of
 * the file), and so may a copy of the video. The player measures that when the first picture appears.
 */
export class Player extends EventTarget {
  #video;
  #url; // null where there is none
  #time = 0;
  #pictureTime = null; // of the picture that is shown, as the browser says; null until it does
  #shift = 0; // seconds to add to the page's times for the browser's
  #isPlaced = false; // whether the shift is known
  #goOn = null; // called once it is
  #startAt = 0; // where it goes then, seconds
  #span; // of the results: {start, last, end}, seconds
  #renewedAt = -Infinity;
  #isMeantToPlay = false; // a video that fails is paused by the browser, now and then before it tells
  isBroken = false;

  /** `start` is where to begin, seconds. */
  constructor(video, url, span, start) {
    super();
    this.#time = start;
    this.#video = video;
    this.#span = span;
    video.addEventListener("error", () => this.#fail());
    for (const name of ["loadedmetadata", "play", "pause", "loadeddata", "canplay", "waiting", "playing", "seeked", "ended", "volumechange", "durationchange"]) {
      video.addEventListener(name, () => this.#tell("state"));
    }
    for (const name of ["pause", "seeked"]) video.addEventListener(name, () => this.#tell("settled"));
    for (const name of ["seeked", "timeupdate"]) video.addEventListener(name, () => this.#move(this.#videoTime));
    video.addEventListener("ended", () => (this.#isMeantToPlay = false));
    this.#watchFrames();
    this.load(url);
  }

  /** Loads a video, or the same again, and goes to where this one was. */
  load(url = this.#url, { resume = false } = {}) {
    this.#startAt = this.#time;
    if (url !== this.#url) {
      this.#shift = 0;
      this.#isPlaced = !this.#video.requestVideoFrameCallback;
    }
    this.#url = url;
    this.#pictureTime = null;
    this.isBroken = url === null;
    if (url !== null) this.#video.src = url;
    this.#goOn = () => {
      if (this.#startAt > 0) {
        this.#pictureTime = null;
        this.#video.currentTime = this.#startAt + this.#shift;
      }
      if (resume) this.play();
    };
    this.#video.addEventListener("loadedmetadata", () => this.#isPlaced && this.#endLoading(), { once: true });
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

  /** Whether the video has sound. Chromium tells only once it has decoded some. */
  get hasSound() {
    const { mozHasAudio, audioTracks, webkitAudioDecodedByteCount } = this.#video;
    return Boolean(mozHasAudio || audioTracks?.length || webkitAudioDecodedByteCount);
  }

  get isMuted() {
    return this.#video.muted;
  }

  /** Where the video is, seconds. */
  get time() {
    return this.#time;
  }

  /** The time of the picture that is shown, seconds: up to a frame before `time`. */
  get pictureTime() {
    return this.#pictureTime ?? this.#time;
  }

  get duration() {
    const own = this.isReady ? this.#video.duration - this.#shift : NaN;
    // Chromium takes the length of a video that starts late for its end, until it has read on.
    return Number.isFinite(own) && own > 0 ? Math.max(own, this.#span.last) : this.#span.end;
  }

  /** {width, height} in pixels, or null while there is no picture. */
  get picture() {
    return this.isReady && this.#video.videoWidth ? { width: this.#video.videoWidth, height: this.#video.videoHeight } : null;
  }

  play() {
    if (!this.isReady) return;
    if (!this.#isPlaced) this.#endLoading(); // too late to see the first picture
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
    if (!this.isReady || target !== this.#videoTime) this.#pictureTime = null;
    if (this.isReady) {
      this.#isPlaced = true;
      this.#goOn = null;
      this.#video.currentTime = target + this.#shift;
    }
    this.#startAt = target;
    this.#move(target);
    if (!this.isReady) this.#tell("settled");
  }

  /** Where a sampled frame is in the browser's own time: {url, time}. */
  locate(timeOffset) {
    return { url: this.#video.currentSrc, time: timeOffset + FRAME_INSIDE + this.#shift };
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

  get #videoTime() {
    return Math.max(0, this.#video.currentTime - this.#shift);
  }

  #endLoading() {
    const goOn = this.#goOn;
    this.#isPlaced = true;
    this.#goOn = null;
    goOn?.();
  }

  /** Measures the shift by the first picture of a video that has just been loaded. */
  #place(mediaTime) {
    const shift = mediaTime - this.#span.start;
    this.#shift = Math.abs(shift) < FRAME_INSIDE ? 0 : shift;
    this.#tell("state"); // the duration has changed
  }

  #watchFrames() {
    if (!this.#video.requestVideoFrameCallback) {
      const watch = () => {
        if (this.isPlaying) this.#move(this.#videoTime);
        requestAnimationFrame(watch);
      };
      requestAnimationFrame(watch);
      return;
    }
    const watch = (_, { mediaTime }) => {
      const isFirst = !this.#isPlaced && this.isReady;
      if (isFirst) this.#place(mediaTime);
      this.#pictureTime = Math.max(0, mediaTime - this.#shift);
      if (!this.#video.seeking) this.#time = this.#pictureTime;
      this.#tell("time");
      this.#video.requestVideoFrameCallback(watch);
      if (isFirst) this.#endLoading();
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
  const advice = ` If the browser can't play its format, make an MP4 of it with ${convert}, and choose that.`;
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
