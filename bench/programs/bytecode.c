// SPDX-License-Identifier: BSD-2-Clause
// The loop of a bytecode interpreter: one switch over instructions of four bytes, sixteen registers, a memory.
// The program it runs counts the steps of Collatz sequences and keeps a histogram of them.
#include "programs.h"

enum { LOAD_IMMEDIATE, MOVE, ADD, ADD_IMMEDIATE, MULTIPLY, SHIFT_RIGHT, AND_IMMEDIATE, LOAD, STORE, JUMP,
       JUMP_ZERO, JUMP_LESS, CALL, RETURN, HALT };

struct instruction {
    uint8_t operation, a, b;
    int8_t c;
};

enum { STEPS, NUMBER, VALUE, ONE, LIMIT, BIT, COUNT, LONGEST, SUM };

/** Jumps and calls go to c, counted from the start. */
static const struct instruction code[] = {
    {LOAD_IMMEDIATE, ONE, 0, 1},
    {LOAD_IMMEDIATE, NUMBER, 0, 1},
    {LOAD_IMMEDIATE, LIMIT, 0, 100},
    {MULTIPLY, LIMIT, LIMIT, 0},
    {SHIFT_RIGHT, LIMIT, LIMIT, 2},  // 2500 numbers
    // 5: for each number
    {CALL, 0, 0, 14},
    {AND_IMMEDIATE, BIT, STEPS, 127},
    {LOAD, COUNT, BIT, 0},
    {ADD_IMMEDIATE, COUNT, COUNT, 1},
    {STORE, COUNT, BIT, 0},
    {ADD, SUM, SUM, STEPS},
    {ADD_IMMEDIATE, NUMBER, NUMBER, 1},
    {JUMP_LESS, NUMBER, LIMIT, 5},
    {HALT, 0, 0, 0},
    // 14: how many steps to 1
    {MOVE, VALUE, NUMBER, 0},
    {LOAD_IMMEDIATE, STEPS, 0, 0},
    // 16
    {JUMP_LESS, ONE, VALUE, 18},
    {RETURN, 0, 0, 0},
    // 18
    {ADD_IMMEDIATE, STEPS, STEPS, 1},
    {AND_IMMEDIATE, BIT, VALUE, 1},
    {JUMP_ZERO, BIT, 0, 25},
    {ADD, BIT, VALUE, VALUE},
    {ADD, VALUE, VALUE, BIT},
    {ADD_IMMEDIATE, VALUE, VALUE, 1},
    {JUMP, 0, 0, 16},
    // 25
    {SHIFT_RIGHT, VALUE, VALUE, 1},
    {JUMP, 0, 0, 16},
};

uint32_t bytecode_run(void) {
    uint32_t r[16] = {0}, returns[8], depth = 0;
    uint32_t *memory = (uint32_t *)data_arena;
    memset(memory, 0, 128 * sizeof *memory);
    const struct instruction *next = code;
    for (;;) {
        struct instruction i = *next++;
        switch (i.operation) {
        case LOAD_IMMEDIATE: r[i.a] = i.c; break;
        case MOVE: r[i.a] = r[i.b]; break;
        case ADD: r[i.a] = r[i.b] + r[(uint8_t)i.c]; break;
        case ADD_IMMEDIATE: r[i.a] = r[i.b] + i.c; break;
        case MULTIPLY: r[i.a] *= r[i.b]; break;
        case SHIFT_RIGHT: r[i.a] = r[i.b] >> i.c; break;
        case AND_IMMEDIATE: r[i.a] = r[i.b] & i.c; break;
        case LOAD: r[i.a] = memory[r[i.b]]; break;
        case STORE: memory[r[i.b]] = r[i.a]; break;
        case JUMP: next = code + i.c; break;
        case JUMP_ZERO: if (r[i.a] == 0) next = code + i.c; break;
        case JUMP_LESS: if (r[i.a] < r[i.b]) next = code + i.c; break;
        case CALL: returns[depth++] = next - code; next = code + i.c; break;
        case RETURN: next = code + returns[--depth]; break;
        default: {
            uint32_t hash = r[SUM];
            for (int j = 0; j < 128; j++) hash = fold(hash, memory[j]);
            return hash;
        }
        }
    }
}
