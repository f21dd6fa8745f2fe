// What the page knows: the index, and pieces of marks that are decoded when the video gets there.

const PIECES_KEPT = 12;

/** A piece that can't be had now; the message is for the person who looks. */
export class PieceMissing extends Error {}

/** Reads the index. Rejects where the browser can't, or where the page is damaged. */
export async function readIndex() {
  return decode(readEmbedded("index"));
}

/** A run of sampled frames of one model. */
class Piece {
  #content;
  #frames = []; // so that the same frame is the same object

  constructor(content) {
    this.#content = content;
  }

  /** The sampled frame nearest to a time: {time, offset, marks, size}; `marks` is null where the model failed. */
  findFrame(time) {
    return this.frameAt(findNearest(this.#content.times, time));
  }

  /** The time of the sampled frame that is `step` from the one nearest to a time, or undefined beyond the piece. */
  findNeighbour(time, step) {
    return this.#content.times[findNearest(this.#content.times, time) + step];
  }

  /** The time of the first sampled frame, from a time on, whose marks pass a test; or undefined. */
  findFirst(time, test) {
    const { times, frames } = this.#content;
    return times.find((at, number) => at >= time && frames[number] && test(frames[number]));
  }

  frameAt(number) {
    const { times, offsets, frames, size } = this.#content;
    return (this.#frames[number] ??= {
      time: times[number],
      offset: offsets[number],
      marks: frames[number],
      size: size && { width: size[0], height: size[1] },
    });
  }
}

/** The pieces of all models; the last few that were used stay decoded. */
export class Pieces {
  #index;
  #base;
  #loading = new Map(); // name → promise of a piece, the longest unused first
  #ready = new Map(); // name → piece

  constructor(index, base) {
    this.#index = index;
    this.#base = base;
  }

  /** The number of the piece that holds a model's sampled frame nearest to a time (seconds), or -1 where it has none. */
  locate(model, time) {
    const pieces = this.#index.models[model]?.pieces ?? [];
    const at = pieces.findLastIndex((piece) => piece.first <= time);
    const next = pieces[at + 1];
    if (at < 0) return pieces.length ? 0 : -1;
    return next && next.first - time < time - pieces[at].last ? at + 1 : at;
  }

  /** A piece that is decoded already, or undefined. */
  peek(model, number) {
    return this.#ready.get(this.#index.models[model]?.pieces[number]?.name);
  }

  /** Fetches and decodes a piece. Rejects with PieceMissing; asked again, it tries again. */
  load(model, number) {
    const { name } = this.#index.models[model].pieces[number];
    const piece = this.#loading.get(name) ?? this.#fetch(name);
    this.#loading.delete(name);
    this.#loading.set(name, piece);
    for (const oldest of this.#loading.keys()) {
      if (this.#loading.size <= Math.max(PIECES_KEPT, 3 * this.#index.models.length)) break;
      this.#loading.delete(oldest);
      this.#ready.delete(oldest);
    }
    return piece;
  }

  /** The time of a model's first sampled frame, from a time on, whose marks pass a test. Rejects with PieceMissing. */
  async findFirst(model, time, test) {
    for (let number = this.locate(model, time); number < this.#index.models[model].pieces.length; number++) {
      const found = (await this.load(model, number)).findFirst(time, test);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #fetch(name) {
    const loading = this.#read(name).then(
      (content) => {
        const piece = new Piece(content);
        if (this.#loading.get(name) === loading) this.#ready.set(name, piece);
        return piece;
      },
      (error) => {
        this.#loading.delete(name);
        throw error instanceof PieceMissing ? error : new PieceMissing(`It can't be read (${error.message}).`);
      },
    );
    return loading;
  }

  async #read(name) {
    if (this.#index.pieces_url === null) return decode(readEmbedded(name));
    if (this.#base === null) throw new PieceMissing("It comes by the report's link: open the report by that.");
    let answer;
    try {
      answer = await fetch(`${this.#base}${this.#index.pieces_url}/${name}`);
    } catch {
      throw new PieceMissing("It can't be reached. Are you connected, and is the link still good?");
    }
    if (answer.status === 403) throw new PieceMissing("The link to it has expired: open the report by its link again.");
    if (!answer.ok) throw new PieceMissing(`It was answered with ${answer.status}.`);
    return decode(answer.body);
  }
}

/** The place of the value nearest to `value` in an ascending list that isn't empty; the earlier of two as near. */
function findNearest(values, value) {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - values[low - 1] <= values[low] - value ? low - 1 : low;
}

function readEmbedded(name) {
  const text = atob(document.querySelector(`script[data-name="${name}"]`).textContent);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return new Blob([bytes]).stream();
}

async function decode(stream) {
  return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).json();
}
