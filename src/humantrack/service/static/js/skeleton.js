// A person as balls and sticks.
import {
  Group,
  InstancedMesh,
  Matrix4,
  MeshStandardMaterial,
  OctahedronGeometry,
  Quaternion,
  SphereGeometry,
  Vector3,
} from "../vendor/three/three.module.min.js";
import { HEAD, PARENTS } from "./body.js";

const BALL = new SphereGeometry(0.038, 14, 10);
const STICK = new OctahedronGeometry(1, 0);
const THICK = 0.04;
const SKULL_M = 0.1; // from the head's joint, at the top of the neck, to its middle
const SKULL = new Vector3(2.3, 3, 2.5); // its size in balls
const UP = new Vector3(0, 1, 0);
const LINKS = PARENTS.map((parent, joint) => [parent, joint]).filter(([parent]) => parent >= 0);

/** Balls at a person's joints and sticks between them. */
export class Sticks {
  group = new Group();
  #balls;
  #sticks;
  #material;
  #places = PARENTS.map(() => new Vector3());

  constructor(person) {
    this.person = person;
    this.#material = new MeshStandardMaterial({ color: person.track.color, roughness: 0.55, fog: false });
    this.#balls = new InstancedMesh(BALL, this.#material, PARENTS.length);
    this.#sticks = new InstancedMesh(STICK, this.#material, LINKS.length);
    for (const mesh of [this.#balls, this.#sticks]) {
      mesh.frustumCulled = false;
      this.group.add(mesh);
    }
    this.group.visible = false;
  }

  /** Where the person's joints are, in the scene. */
  get places() {
    return this.#places;
  }

  update() {
    const matrix = new Matrix4();
    const [along, middle, size] = [new Vector3(), new Vector3(), new Vector3()];
    const turn = new Quaternion();
    this.person.bones.forEach((bone, joint) => {
      this.#places[joint].setFromMatrixPosition(bone.matrixWorld);
      this.#balls.setMatrixAt(joint, matrix.makeTranslation(this.#places[joint]));
    });
    const head = this.person.bones[HEAD];
    head.getWorldQuaternion(turn);
    middle.set(0, SKULL_M, 0).applyQuaternion(turn).add(this.#places[HEAD]);
    this.#balls.setMatrixAt(HEAD, matrix.compose(middle, turn, SKULL));
    LINKS.forEach(([parent, joint], number) => {
      along.subVectors(this.#places[joint], this.#places[parent]);
      const length = along.length();
      middle.addVectors(this.#places[joint], this.#places[parent]).multiplyScalar(0.5);
      turn.setFromUnitVectors(UP, along.divideScalar(length || 1));
      this.#sticks.setMatrixAt(number, matrix.compose(middle, turn, size.set(THICK, length / 2, THICK)));
    });
    this.#balls.instanceMatrix.needsUpdate = true;
    this.#sticks.instanceMatrix.needsUpdate = true;
    const ghost = this.person.isGhost;
    if (this.#material.transparent !== ghost) {
      this.#material.transparent = ghost;
      this.#material.opacity = ghost ? 0.4 : 1;
      this.#material.needsUpdate = true;
    }
  }

  dispose() {
    this.#balls.dispose();
    this.#sticks.dispose();
    this.#material.dispose();
  }
}
