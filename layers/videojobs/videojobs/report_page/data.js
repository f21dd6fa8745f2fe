// What the page knows: the index, and pieces of marks that are decoded when the video gets there.

const PIECES_KEPT = 12;

/** A piece that can't be had now; the message is for the person who looks. */
export class PieceMissing extends Error {}

/** Reads the index. Throws where the browser can't. */
export async function readIndex() {
  return decode(readEmbedded("index"));
}

/** The pieces of all models; the last few that were used stay decoded. */
export class Pieces {
  #index;
  #decoded = new Map(); // name → promise of a piece, the longest unused first
  #ready = new Map(); // name → piece

  constructor(index) {
    this.#index = index;
  }

  /** The number of the piece that holds a model's sampled frame nearest to `time` (seconds), or -1 where it has none. */
  locate(model, time) {
    const { pieces } = this.#index.models[model];
    let low = 0;
    let high = pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (pieces[middle].first <= time) low = middle;
      else high = middle - 1;
    }
    const next = pieces[low + 1];
    return next && next.first - time < time - pieces[low].last ? low + 1 : high < 0 ? -1 : low;
  }

  /** A piece that is decoded already, or undefined. */
  peek(model, number) {
    return this.#ready.get(this.#name(model, number));
  }

  /** Fetches and decodes a piece. Rejects with PieceMissing; asked again, it tries again. */
  load(model, number) {
    const name = this.#name(model, number);
    const piece = this.#decoded.get(name) ?? this.#fetch(name);
    this.#decoded.delete(name);
    this.#decoded.set(name, piece);
    for (const oldest of this.#decoded.keys()) {
      if (this.#decoded.size <= Math.max(PIECES_KEPT, 3 * this.#index.models.length)) break;
      this.#decoded.delete(oldest);
      this.#ready.delete(oldest);
    }
    return piece;
  }

  #fetch(name) {
    const piece = this.#read(name).then(
      (content) => {
        if (this.#decoded.get(name) === piece) this.#ready.set(name, content);
        return content;
      },
      (error) => {
        this.#decoded.delete(name);
        throw error instanceof PieceMissing ? error : new PieceMissing(`It can't be read: ${error.message}`);
      },
    );
    return piece;
  }

  async #read(name) {
    if (this.#index.pieces_url === null) return decode(readEmbedded(name));
    let answer;
    try {
      answer = await fetch(`${this.#index.pieces_url.replace(/\/$/, "")}/${name}`);
    } catch {
      throw new PieceMissing("It can't be reached. Are you connected, and is the link still good?");
    }
    if (answer.status === 403) throw new PieceMissing("The link to it has expired: open the report by its link again.");
    if (!answer.ok) throw new PieceMissing(`It was answered with ${answer.status}.`);
    return decode(answer.body);
  }

  #name(model, number) {
    return this.#index.models[model].pieces[number].name;
  }
}

/** The place of the value nearest to `value` in an ascending list that isn't empty; the earlier of two as near. */
export function findNearest(values, value) {
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
  const element = document.querySelector(`script[data-name="${name}"]`);
  const text = atob(element.textContent);
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return new Blob([bytes]).stream();
}

async function decode(stream) {
  return new Response(stream.pipeThrough(new DecompressionStream("gzip"))).json();
}
