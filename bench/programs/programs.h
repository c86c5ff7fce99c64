// SPDX-License-Identifier: BSD-2-Clause
// Every program that needs nothing of the kernel, by its two functions.
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include "program.h"

void lz_prepare(void);
uint32_t lz_run(void);
void sha256_prepare(void);
uint32_t sha256_run(void);
uint32_t sieve_run(void);
void matmul_prepare(void);
uint32_t matmul_run(void);
uint32_t nbody_run(void);
uint32_t bytecode_run(void);
void sort_prepare(void);
uint32_t sort_run(void);
void compile_prepare(void);
uint32_t compile_run(void);

void blocks2k_prepare(void);
uint32_t blocks2k_run(void);
void blocks20k_prepare(void);
uint32_t blocks20k_run(void);

uint32_t micro_alu(void);
uint32_t micro_block(void);
uint32_t micro_blocks(void);
uint32_t micro_call(void);
uint32_t micro_indirect(void);
uint32_t micro_memory(void);
uint32_t micro_crossing(void);
uint32_t micro_string(void);
uint32_t micro_sse2(void);
uint32_t micro_x87(void);
uint32_t micro_multiply(void);
uint32_t micro_divide(void);

#define USER_PROGRAMS                                           \
    {"alu", IN_USER_MODE, NULL, micro_alu},                     \
    {"one-block", IN_USER_MODE, NULL, micro_block},             \
    {"many-blocks", IN_USER_MODE, NULL, micro_blocks},          \
    {"call-return", IN_USER_MODE, NULL, micro_call},            \
    {"indirect", IN_USER_MODE, NULL, micro_indirect},           \
    {"load-store", IN_USER_MODE, NULL, micro_memory},           \
    {"page-crossing", IN_USER_MODE, NULL, micro_crossing},      \
    {"string", IN_USER_MODE, NULL, micro_string},               \
    {"sse2", IN_USER_MODE, NULL, micro_sse2},                   \
    {"x87", IN_USER_MODE, NULL, micro_x87},                     \
    {"multiply", IN_USER_MODE, NULL, micro_multiply},           \
    {"divide", IN_USER_MODE, NULL, micro_divide},               \
    {"blocks-2k", IN_USER_MODE, blocks2k_prepare, blocks2k_run},    \
    {"blocks-20k", IN_USER_MODE, blocks20k_prepare, blocks20k_run}, \
    {"lz", IN_USER_MODE, lz_prepare, lz_run},                   \
    {"sha256", IN_USER_MODE, sha256_prepare, sha256_run},       \
    {"sieve", IN_USER_MODE, NULL, sieve_run},                   \
    {"matmul", IN_USER_MODE, matmul_prepare, matmul_run},       \
    {"nbody", IN_USER_MODE, NULL, nbody_run},                   \
    {"bytecode", IN_USER_MODE, NULL, bytecode_run},             \
    {"sort", IN_USER_MODE, sort_prepare, sort_run},             \
    {"compile", IN_USER_MODE, compile_prepare, compile_run}

#endif
