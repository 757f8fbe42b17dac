// The shipped body: read from binary glTF, and worn by each person.
import {
  Bone,
  BufferAttribute,
  BufferGeometry,
  Group,
  Matrix4,
  MeshStandardMaterial,
  Skeleton,
  SkinnedMesh,
} from "../vendor/three/three.module.min.js";
import { isGuess } from "./format.js";

const MAGIC = 0x46546c67;
const ARRAYS = { 5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };
const WIDTHS = { SCALAR: 1, VEC3: 3, VEC4: 4, MAT4: 16 };

/** SMPL's parents of the 24 joints. */
export const PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21];
export const HEAD = 15;
const GHOST = 0.35;

/** Geometry and inverse bind matrices of the one skinned mesh in a .glb; no general reader. */
export function readBody(buffer) {
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== MAGIC) throw new Error("the body is not a binary glTF");
  const length = view.getUint32(12, true);
  const gltf = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
  const start = 20 + length + 8;
  const read = (number) => {
    const accessor = gltf.accessors[number];
    const place = start + (gltf.bufferViews[accessor.bufferView].byteOffset ?? 0) + (accessor.byteOffset ?? 0);
    const width = WIDTHS[accessor.type];
    return [new ARRAYS[accessor.componentType](buffer, place, accessor.count * width), width];
  };
  const primitive = gltf.meshes[0].primitives[0];
  const geometry = new BufferGeometry();
  const names = { POSITION: "position", NORMAL: "normal", JOINTS_0: "skinIndex", WEIGHTS_0: "skinWeight" };
  for (const [theirs, ours] of Object.entries(names))
    geometry.setAttribute(ours, new BufferAttribute(...read(primitive.attributes[theirs])));
  geometry.setIndex(new BufferAttribute(...read(primitive.indices)));
  const [numbers] = read(gltf.skins[0].inverseBindMatrices);
  const inverses = PARENTS.map((_, joint) => new Matrix4().fromArray(numbers, 16 * joint));
  return { geometry, inverses };
}

/** One person's bones, and the body on them. */
export class Person {
  group = new Group();
  bones = PARENTS.map(() => new Bone());
  #material;

  constructor(track, body) {
    this.track = track;
    this.#material = new MeshStandardMaterial({ color: track.color, roughness: 0.7, metalness: 0, fog: false });
    track.rest.forEach((place, joint) => {
      const parent = PARENTS[joint];
      if (parent < 0) return;
      this.bones[joint].position.fromArray(place.map((value, axis) => value - track.rest[parent][axis]));
      this.bones[parent].add(this.bones[joint]);
    });
    this.group.add(this.bones[0]);
    this.mesh = new SkinnedMesh(body.geometry, this.#material);
    this.mesh.frustumCulled = false; // its bounds are those of the bind pose
    this.mesh.bind(new Skeleton(this.bones, body.inverses), new Matrix4());
    this.group.add(this.mesh);
    this.group.visible = false;
  }

  /** Take a pose; one that is predicted, held or guessed is drawn faintly. */
  pose(person) {
    this.bones[0].position.fromArray(person.pelvis);
    person.rotations.forEach(([w, x, y, z], joint) => this.bones[joint].quaternion.set(x, y, z, w).normalize());
    const ghost = person.state !== "observed" || isGuess(person);
    this.isGhost = ghost;
    if (this.#material.transparent !== ghost) {
      this.#material.transparent = ghost;
      this.#material.opacity = ghost ? GHOST : 1;
      this.#material.needsUpdate = true;
    }
    this.group.updateMatrixWorld(true);
  }

  dispose() {
    this.#material.dispose();
    this.mesh.skeleton.dispose();
  }
}
