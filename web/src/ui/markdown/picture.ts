/** Only pictures that are part of the recorded text are drawn; SVG is left out because it may hold more than a picture. */
export function isPicture(url: string): boolean {
  return /^data:image\/(png|jpe?g|gif|webp|avif);base64,[A-Za-z0-9+/=\s]+$/i.test(url);
}
