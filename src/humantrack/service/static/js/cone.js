// A small pyramid where the video's camera is.
import { BufferGeometry, Float32BufferAttribute, LineBasicMaterial, LineSegments } from "../vendor/three/three.module.min.js";

export function makeCone({ width, height, focal_px: focal }) {
  const lines = new LineSegments(new BufferGeometry(), new LineBasicMaterial({ fog: false }));
  if (!focal) return lines;
  const [depth, x, y] = [0.5, width / 4 / focal, height / 4 / focal];
  const corners = [[-x, -y, -depth], [x, -y, -depth], [x, y, -depth], [-x, y, -depth]];
  const points = corners.flatMap((corner, i) => [0, 0, 0, ...corner, ...corner, ...corners[(i + 1) % 4]]);
  points.push(-0.3 * x, y * 1.1, -depth, 0, y * 1.4, -depth, 0, y * 1.4, -depth, 0.3 * x, y * 1.1, -depth);
  lines.geometry.setAttribute("position", new Float32BufferAttribute(points, 3));
  return lines;
}

/** Vertical field of view, in degrees, of a view of some aspect that the video's picture fits in. */
export function videoFov({ width, height }, focal, aspect) {
  return (2 * Math.atan(Math.max(height / 2, width / 2 / aspect) / focal) * 180) / Math.PI;
}
