// SPDX-License-Identifier: BSD-2-Clause
#ifndef TEXT_H
#define TEXT_H

#include "program.h"

/** Fills `size` bytes with the same text every time. */
void make_text(uint8_t *to, size_t size);

#endif
