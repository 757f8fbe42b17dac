// Where the people of the 3D view stand, and what of them is to be seen.
import { HEAD } from "./body.js";

export const SOLE_M = 0.07; // how far below the foot joints the ground is
export const LABEL_M = 0.3; // above the head joint
const TOES = [10, 11];
const FEET = [7, 8, 10, 11];
const FAR = 4; // times as far as the usual person

export const lowest = (sticks) => Math.min(...FEET.map((joint) => sticks.places[joint].y));

/** Toes, and where the label above the head is. */
export function ends(sticks) {
  const above = sticks.places[HEAD].clone();
  above.y += LABEL_M + 0.1;
  return [above, ...TOES.map((joint) => sticks.places[joint].clone())];
}

/** Points of those who are not far behind the others, which may be an error of depth. */
export function near(people) {
  const aways = people.map(({ away }) => away).sort((a, b) => a - b);
  const limit = FAR * aways[Math.floor((aways.length - 1) / 2)];
  return people.filter(({ away }) => away <= limit).flatMap(({ points }) => points);
}
