// A soft dark spot, as people have one below them.
import { CanvasTexture } from "../vendor/three/three.module.min.js";

export function blot() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const paint = canvas.getContext("2d");
  const fade = paint.createRadialGradient(32, 32, 2, 32, 32, 31);
  fade.addColorStop(0, "rgba(0,0,0,0.42)");
  fade.addColorStop(1, "rgba(0,0,0,0)");
  paint.fillStyle = fade;
  paint.fillRect(0, 0, 64, 64);
  return new CanvasTexture(canvas);
}
