// SPDX-License-Identifier: BSD-2-Clause
// The product of two 96 × 96 matrices of doubles.
#include "programs.h"

#define N 96

typedef double matrix[N][N];

void matmul_prepare(void) {
    matrix *m = (matrix *)data_arena;
    uint32_t random = 1;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            m[0][i][j] = (double)(int32_t)next_random(&random) / 65536.0;
            m[1][i][j] = (double)(int32_t)next_random(&random) / 1048576.0;
        }
    }
}

uint32_t matmul_run(void) {
    matrix *m = (matrix *)data_arena;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++) sum += m[0][i][k] * m[1][k][j];
            m[2][i][j] = sum;
        }
    }
    uint32_t hash = N;
    const uint32_t *words = (const uint32_t *)m[2];
    for (int i = 0; i < 2 * N * N; i++) hash = fold(hash, words[i]);
    return hash;
}
