export interface ServerEvent {
  name: string;
  data: string;
}

/** Cuts a text stream into server-sent events, wherever its chunks begin and end. */
export class LineSplitter {
  #rest = "";
  #name = "";
  #data: string[] = [];

  feed(chunk: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length > 0) events.push({ name: this.#name || "message", data: this.#data.join("\n") });
        this.#name = "";
        this.#data = [];
      } else if (!line.startsWith(":")) {
        const [field = "", ...rest] = line.split(":");
        const value = rest.join(":").replace(/^ /, "");
        if (field === "event") this.#name = value;
        else if (field === "data") this.#data.push(value);
      }
    }
    return events;
  }
}
