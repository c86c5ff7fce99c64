// SPDX-License-Identifier: BSD-2-Clause
// Five bodies under gravity, 4,000 steps in double precision. The bodies are made up.
#include "programs.h"

#define BODIES 5
#define STEPS 4000
#define STEP 0.001

struct body {
    double x[3], v[3], mass;
};

static struct body bodies[BODIES];

static void reset(void) {
    uint32_t random = 7;
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) {
            bodies[i].x[k] = 10.0 * i + (double)(next_random(&random) >> 8) / 16777216.0;
            bodies[i].v[k] = (double)(next_random(&random) >> 8) / 16777216.0 - 0.5;
        }
        bodies[i].mass = 1.0 + i;
    }
}

static void attract(struct body *a, struct body *b) {
    double d[3], square = 0;
    for (int k = 0; k < 3; k++) {
        d[k] = a->x[k] - b->x[k];
        square += d[k] * d[k];
    }
    double force = STEP / (square * __builtin_sqrt(square));
    for (int k = 0; k < 3; k++) {
        a->v[k] -= d[k] * b->mass * force;
        b->v[k] += d[k] * a->mass * force;
    }
}

uint32_t nbody_run(void) {
    reset();
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < BODIES; i++)
            for (int j = i + 1; j < BODIES; j++) attract(&bodies[i], &bodies[j]);
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++) bodies[i].x[k] += STEP * bodies[i].v[k];
    }
    uint32_t hash = BODIES, words[sizeof bodies / 4];
    memcpy(words, bodies, sizeof bodies);
    for (unsigned i = 0; i < sizeof bodies / 4; i++) hash = fold(hash, words[i]);
    return hash;
}
