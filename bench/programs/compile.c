// SPDX-License-Identifier: BSD-2-Clause
// A small compiler: source text of assignments is cut into tokens, names go through a hash table, expressions
// are parsed by precedence into trees, constants are folded, stack code comes out and is run.
//
//   program     = { name "=" expression ";" }
//   expression  = unary { operator unary }       operators by precedence: | ^ & + - * %
//   unary       = number | name | "-" unary | "(" expression ")"
#include "programs.h"

#define SOURCE_BYTES (64 << 10)
#define NAMES 512
#define NODES 64
#define CODE_WORDS (64 << 10)

enum { NUMBER, NAME, NEGATE, BINARY };
enum { PUSH, FETCH, ASSIGN, MINUS, OPERATE };

struct node {
    uint8_t kind, operator;
    uint16_t left, right;
    uint32_t value;
};

static char *const source = (char *)data_arena;
static uint32_t *const code = (uint32_t *)(data_arena + (1 << 20));

static struct node nodes[NODES];
static unsigned node_count;
static struct { uint32_t hash; const char *text; unsigned length; } names[NAMES];
static uint32_t variables[NAMES];
static const char *at;
static uint32_t *emitted;

static int precedence(char c) {
    switch (c) {
    case '|': return 1;
    case '^': return 2;
    case '&': return 3;
    case '+': case '-': return 4;
    case '*': case '%': return 5;
    default: return 0;
    }
}

static uint32_t apply(char operator, uint32_t a, uint32_t b) {
    switch (operator) {
    case '|': return a | b;
    case '^': return a ^ b;
    case '&': return a & b;
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    default: return b == 0 ? 0 : a % b;
    }
}

static void skip_space(void) {
    while (*at == ' ' || *at == '\n') at++;
}

static unsigned name(void) {
    const char *start = at;
    uint32_t hash = 2166136261u;
    while ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9')) hash = fold(hash, *at++);
    unsigned length = at - start, slot = hash % NAMES;
    while (names[slot].text != NULL) {
        if (names[slot].hash == hash && names[slot].length == length &&
            memcmp(names[slot].text, start, length) == 0) return slot;
        slot = (slot + 1) % NAMES;
    }
    names[slot].hash = hash;
    names[slot].text = start;
    names[slot].length = length;
    return slot;
}

static unsigned make(struct node node) {
    nodes[node_count] = node;
    return node_count++;
}

static unsigned expression(int lowest);

static unsigned unary(void) {
    skip_space();
    if (*at == '(') {
        at++;
        unsigned inside = expression(1);
        skip_space();
        at++;
        return inside;
    }
    if (*at == '-') {
        at++;
        unsigned operand = unary();
        if (nodes[operand].kind == NUMBER) {
            nodes[operand].value = -nodes[operand].value;
            return operand;
        }
        return make((struct node){.kind = NEGATE, .left = operand});
    }
    if (*at >= '0' && *at <= '9') {
        uint32_t value = 0;
        while (*at >= '0' && *at <= '9') value = value * 10 + (*at++ - '0');
        return make((struct node){.kind = NUMBER, .value = value});
    }
    return make((struct node){.kind = NAME, .value = name()});
}

static unsigned expression(int lowest) {
    unsigned left = unary();
    for (;;) {
        skip_space();
        char operator = *at;
        int strength = precedence(operator);
        if (strength < lowest || strength == 0) return left;
        at++;
        unsigned right = expression(strength + 1);
        if (nodes[left].kind == NUMBER && nodes[right].kind == NUMBER) {
            nodes[left].value = apply(operator, nodes[left].value, nodes[right].value);
        } else {
            left = make((struct node){.kind = BINARY, .operator = operator, .left = left, .right = right});
        }
    }
}

static void emit(unsigned index) {
    const struct node *node = &nodes[index];
    if (node->kind == BINARY) {
        emit(node->left);
        emit(node->right);
        *emitted++ = OPERATE | node->operator << 8;
    } else if (node->kind == NEGATE) {
        emit(node->left);
        *emitted++ = MINUS;
    } else {
        *emitted++ = node->kind == NUMBER ? PUSH : FETCH;
        *emitted++ = node->value;
    }
}

static void compile(void) {
    memset(names, 0, sizeof names);
    at = source;
    emitted = code;
    for (;;) {
        skip_space();
        if (*at == 0) return;
        unsigned target = name();
        skip_space();
        at++;
        node_count = 0;
        emit(expression(1));
        skip_space();
        at++;
        *emitted++ = ASSIGN;
        *emitted++ = target;
    }
}

static void execute(void) {
    uint32_t stack[NODES], *top = stack;
    memset(variables, 0, sizeof variables);
    for (const uint32_t *pc = code; pc < emitted;) {
        uint32_t word = *pc++;
        switch (word & 0xff) {
        case PUSH: *top++ = *pc++; break;
        case FETCH: *top++ = variables[*pc++]; break;
        case ASSIGN: variables[*pc++] = *--top; break;
        case MINUS: top[-1] = -top[-1]; break;
        default:
            top--;
            top[-1] = apply(word >> 8, top[-1], top[0]);
        }
    }
}

static char *put_number(char *p, uint32_t value) {
    char digits[10];
    int n = 0;
    do digits[n++] = '0' + value % 10;
    while ((value /= 10) != 0);
    while (n > 0) *p++ = digits[--n];
    return p;
}

static char *put_name(char *p, uint32_t number) {
    *p++ = 'a' + number % 26;
    *p++ = 'a' + number / 26 % 26;
    return put_number(p, number);
}

static char *put_expression(char *p, int depth, uint32_t *random) {
    uint32_t r = next_random(random);
    if (depth == 0 || r % 8 == 0) {
        return r & 0x100 ? put_number(p, r >> 16) : put_name(p, (r >> 16) % 200);
    }
    if (r % 8 == 1) *p++ = '-';
    int in_brackets = r & 0x200;
    if (in_brackets || r % 8 == 1) *p++ = '(';
    p = put_expression(p, depth - 1, random);
    *p++ = ' ';
    *p++ = "|^&+-*%+"[(r >> 12) % 8];
    *p++ = ' ';
    p = put_expression(p, depth - 1, random);
    if (in_brackets || r % 8 == 1) *p++ = ')';
    return p;
}

void compile_prepare(void) {
    uint32_t random = 4711;
    char *p = source;
    while (p < source + SOURCE_BYTES - 1024) {
        p = put_name(p, next_random(&random) % 200);
        *p++ = ' ', *p++ = '=', *p++ = ' ';
        p = put_expression(p, 4, &random);
        *p++ = ';', *p++ = '\n';
    }
    *p = 0;
}

uint32_t compile_run(void) {
    compile();
    execute();
    uint32_t hash = emitted - code;
    for (const uint32_t *p = code; p < emitted; p++) hash = fold(hash, *p);
    for (int i = 0; i < NAMES; i++) hash = fold(hash, variables[i]);
    return hash;
}
