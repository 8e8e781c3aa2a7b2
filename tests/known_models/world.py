"""A dot in a box, drawn as numbers.

Nothing is drawn: a frame holds the numbers that a picture would show, the position as 24-bit
fractions and everything that a nuisance changes as bytes. The world has every nuisance class as a
factor of its own, so an audit of models of it takes seconds.
"""

import numpy as np

SIDE = 100.0
SPEED = 3.0
BLOCK = 5
_WALL = (48.0, 52.0)
_DOOR = (35.0, 65.0)
FIXED = 2**24 - 1

FACTORS = {
    "background.color": (255, 255, 255),
    "agent.color": (255, 0, 0),
    "background.gradient": (255, 255, 255),
    "light.gain": 1.0,
    "distractor": 0.0,
    "blur": 0.0,
    "noise": 0.0,
    "camera.shift": (0.0, 0.0),
}


class DotWorld:
    """A dot in a box with a wall and a wide door in it."""

    name = "dot"
    action_width = 2
    state_width = 2
    success_rule = "dot/6"
    length_unit = "px"
    factors = FACTORS

    def sample_states(self, rng, num):
        states = rng.uniform(0, SIDE, (num, 2))
        inside = (states[:, 0] > _WALL[0] - 1) & (states[:, 0] < _WALL[1] + 1)
        states[inside, 0] -= 10
        return states

    def step(self, states, actions):
        moved = states + SPEED * np.minimum(np.maximum(actions, -1), 1)
        after = np.minimum(np.maximum(moved, 0), SIDE)
        x, y = after[:, 0], after[:, 1]
        kept = np.where(states[:, 0] < SIDE / 2, np.minimum(x, _WALL[0]), np.maximum(x, _WALL[1]))
        after[:, 0] = np.where((y < _DOOR[0]) | (y > _DOOR[1]), kept, x)
        return after

    def render(self, states, factors=None):
        look = {**self.factors, **(factors or {})}
        frames = np.zeros((len(states), 32), dtype=np.uint8)
        fixed = np.rint(np.clip(states / SIDE, 0, 1) * FIXED).astype(np.int64)
        for axis in range(2):
            for byte in range(3):
                frames[:, 3 * axis + byte] = (fixed[:, axis] >> (16 - 8 * byte)) & 255
        frames[:, 6:9] = look["background.color"]
        frames[:, 9:12] = look["agent.color"]
        frames[:, 12:15] = look["background.gradient"]
        frames[:, 15] = round(50 * look["light.gain"])
        frames[:, 16:19] = [round(look[name]) for name in ("distractor", "blur", "noise")]
        frames[:, 19:21] = np.rint(look["camera.shift"]) + 128
        frames[:, 21] = 255  # a black frame is no frame of this world
        return np.repeat(frames[:, None, :, None], 3, axis=3).repeat(2, axis=1)

    def distance(self, states, goals):
        return np.linalg.norm(states - goals, axis=-1)

    def solved(self, states, goals):
        return self.distance(states, goals) < 6.0

    def scope(self):
        return {"world": self.name, "size_px": 32, "factors": {}}


WORLD = DotWorld()
CLEAN_LOOK = WORLD.render(np.zeros((1, 2)))[0, 0, 6:22, 0].astype(np.float64)
