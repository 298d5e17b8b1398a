import type { TraceMedium } from "@/api/types";
import { basePath } from "@/lib/base";
import { bytes } from "@/lib/format";
import { fileName, shapeOf } from "./media";
import classes from "./media.module.css";

function Body({ one, name }: { one: TraceMedium; name: string }) {
  const address = basePath + one.address;
  switch (shapeOf(one.content_type)) {
    case "picture":
      return <img src={address} alt={name} loading="lazy" />;
    case "sound":
      return <audio src={address} controls preload="none" aria-label={name} />;
    case "film":
      return <video src={address} controls preload="none" aria-label={name} />;
    case "file":
      return null;
  }
}

/** Pictures, sound and files of a span, each with what it is and a way to save it. */
export function MediaTab({ media }: { media: readonly TraceMedium[] }) {
  return (
    <ul className={classes.media} aria-label="Media">
      {media.map((one) => {
        const name = fileName(one);
        return (
          <li key={`${one.id} ${one.span_id} ${one.field} ${one.name}`}>
            <Body one={one} name={name} />
            <p>
              <b>{name}</b>
              <span>
                {one.field}, {one.content_type || "unknown type"}, {bytes(one.size_bytes)}
              </span>
              <a href={basePath + one.address} download={name}>
                Download
              </a>
            </p>
          </li>
        );
      })}
    </ul>
  );
}
