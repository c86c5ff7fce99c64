// SPDX-License-Identifier: BSD-2-Clause
// Runs single instructions (or short runs of them) on the processor it finds itself on: x86-64 Linux, user
// mode. native-host.ts compiles it, feeds it requests through a pipe and reads what came of them.
//
// Everything happens in one signal handler. The kernel loads a whole machine state from the frame of a signal
// when its handler returns, and stores one when the next signal comes; so the handler reads what the last
// request has done from its frame, puts the next request's state there, and returns. One signal a request:
//
//   to the end   The code ends where its page ends and the next page is not mapped. When it is done, the
//                fetch of what would come next faults, which costs one signal whatever ran before.
//   one step     RFLAGS.TF stops after one instruction. For branches, which do not come to the end.
//
// No C library: its thread-local storage would be in FS, which requests want for themselves.
// linux/signal.h has the types that asm/ucontext.h is made of.
#include <linux/signal.h>

#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <linux/mman.h>
#include <linux/unistd.h>
#include <stddef.h>
#include <stdint.h>

// test/vectors/snapshot.ts
struct snapshot {
  uint64_t gpr[16];
  uint64_t rip, rflags, fs_base, gs_base;
  uint32_t mxcsr;
  uint16_t fcw, fsw;
  uint8_t ftw, unused[7];
  uint8_t st[8][16];
  uint8_t unused2[16];
  uint8_t ymm[16][32];
};
#define INTEGER_BYTES 160
_Static_assert(offsetof(struct snapshot, mxcsr) == INTEGER_BYTES, "integer part");
_Static_assert(offsetof(struct snapshot, st) == 176, "x87 registers");
_Static_assert(offsetof(struct snapshot, ymm) == 320, "vector registers");
_Static_assert(sizeof(struct snapshot) == 832, "snapshot");

// Requests. Each starts with its size in bytes and its kind; sizes are multiples of 8.
enum { MAP = 1, RUN = 2 };
// Flags of RUN.
enum { ONE_STEP = 1, WITH_VECTORS = 2 };

struct map_request {
  uint32_t size, kind;
  uint64_t count;
  struct { uint64_t address, executable; } pages[];
};

struct patch {
  uint64_t address;
  uint64_t length; // the bytes follow, padded to a multiple of 8
  uint8_t bytes[];
};

struct run_request {
  uint32_t size, kind;
  uint32_t flags, patches;
  uint64_t end; // RIP of a complete run to the end
  struct snapshot state; // only its integer part without WITH_VECTORS; the patches follow
};

// The answer to RUN: this, then the snapshot as in the request, then `changes` patches.
struct run_answer {
  uint32_t size;
  uint32_t trap; // the exception's vector, COMPLETE or LEFT
  uint64_t error;
  uint64_t cr2;
  uint64_t changes;
};
#define COMPLETE 0x100
// It went to another code or stack segment than the one it started in: to 32-bit code, say.
#define LEFT 0x101
#define USER_CS 0x33
#define USER_SS 0x2b

#define PAGE 4096
#define MAX_PAGES 16
#define IN_BYTES (1 << 20)
#define OUT_BYTES (1 << 20)
// Room that the answer to one request may need.
#define MAX_ANSWER (sizeof(struct run_answer) + sizeof(struct snapshot) + MAX_PAGES * PAGE * 3)

static uint8_t input[IN_BYTES] __attribute__((aligned(64)));
static uint32_t input_at, input_end;
static uint8_t output[OUT_BYTES] __attribute__((aligned(64)));
static uint32_t output_end;

static uint64_t page_count;
static uint64_t page_address[MAX_PAGES];
// The same frames as the mapped pages, always writable, somewhere else; and what they held before the run.
static uint8_t *frames;
static uint8_t before[MAX_PAGES][PAGE] __attribute__((aligned(64)));

static struct run_request *running;
static uint8_t signal_stack[65536] __attribute__((aligned(64)));

void *memcpy(void *to, const void *from, size_t length) {
  uint8_t *t = to;
  const uint8_t *f = from;
  __asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(length) : : "memory");
  return to;
}

void *memset(void *to, int value, size_t length) {
  uint8_t *t = to;
  __asm__ volatile("rep stosb" : "+D"(t), "+c"(length) : "a"(value) : "memory");
  return to;
}

static long system_call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static void __attribute__((noreturn)) leave(int status) {
  system_call(__NR_exit_group, status, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

static void __attribute__((noreturn)) fail(const char *message) {
  long length = 0;
  while (message[length] != 0) length++;
  system_call(__NR_write, 2, (long)message, length, 0, 0, 0);
  leave(1);
}

static void flush(void) {
  uint32_t at = 0;
  while (at < output_end) {
    long written = system_call(__NR_write, 1, (long)(output + at), output_end - at, 0, 0, 0);
    if (written <= 0) leave(1);
    at += written;
  }
  output_end = 0;
}

// The next request, complete and in one piece. Answers go out before it waits for more input.
static uint32_t *next_request(void) {
  for (;;) {
    uint32_t available = input_end - input_at;
    if (available >= 8) {
      uint32_t *request = (uint32_t *)(input + input_at);
      if (*request < 8 || *request > IN_BYTES / 2 || *request % 8 != 0) fail("harness: bad request\n");
      if (*request <= available) {
        input_at += *request;
        return request;
      }
    }
    flush();
    for (uint32_t i = 0; i < available; i++) input[i] = input[input_at + i];
    input_at = 0;
    input_end = available;
    long got = system_call(__NR_read, 0, (long)(input + input_end), IN_BYTES - input_end, 0, 0, 0);
    if (got == 0) leave(0);
    if (got < 0) fail("harness: cannot read\n");
    input_end += got;
  }
}

// Maps the given pages and unmaps those of the last such request.
static void map(const struct map_request *request) {
  static int file = -1;
  if (file < 0) {
    file = system_call(__NR_memfd_create, (long)"pages", 0, 0, 0, 0, 0);
    system_call(__NR_ftruncate, file, MAX_PAGES * PAGE, 0, 0, 0, 0);
    long at = system_call(__NR_mmap, 0, MAX_PAGES * PAGE, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_POPULATE, file, 0);
    if (at < 0) fail("harness: cannot map its frames\n");
    frames = (uint8_t *)at;
  }
  if (request->count > MAX_PAGES) fail("harness: too many pages\n");
  for (uint64_t i = 0; i < page_count; i++) {
    system_call(__NR_munmap, page_address[i], PAGE, 0, 0, 0, 0);
  }
  page_count = request->count;
  for (uint64_t i = 0; i < page_count; i++) {
    page_address[i] = request->pages[i].address;
    int rights = PROT_READ | (request->pages[i].executable ? PROT_EXEC : PROT_WRITE);
    long at = system_call(__NR_mmap, page_address[i], PAGE, rights,
                          MAP_SHARED | MAP_POPULATE | MAP_FIXED_NOREPLACE, file, i * PAGE);
    if (at != (long)page_address[i]) fail("harness: cannot map a page where it was asked for\n");
    // A first read, so that no fault of a request is the kernel's own business.
    *(volatile uint8_t *)page_address[i];
    memset(frames + i * PAGE, 0, PAGE);
  }
}

static uint8_t *frame_of(uint64_t address) {
  for (uint64_t i = 0; i < page_count; i++) {
    if ((address & -PAGE) == page_address[i]) return frames + i * PAGE + (address & (PAGE - 1));
  }
  fail("harness: a patch outside the mapped pages\n");
}

static void apply_patches(const uint8_t *at, uint32_t count) {
  for (uint32_t i = 0; i < page_count; i++) memset(frames + i * PAGE, 0, PAGE);
  while (count-- > 0) {
    const struct patch *patch = (const struct patch *)at;
    for (uint64_t i = 0; i < patch->length; i++) *frame_of(patch->address + i) = patch->bytes[i];
    at += sizeof *patch + ((patch->length + 7) & -8);
  }
  memcpy(before, frames, page_count * PAGE);
}

// Appends the runs of bytes that the run has changed; the number of runs.
static uint64_t write_changes(void) {
  uint64_t changes = 0;
  for (uint64_t page = 0; page < page_count; page++) {
    const uint64_t *now = (const uint64_t *)(frames + page * PAGE);
    const uint64_t *then = (const uint64_t *)before[page];
    for (uint32_t word = 0; word < PAGE / 8; word++) {
      if (now[word] == then[word]) continue;
      uint32_t first = word;
      while (word < PAGE / 8 && now[word] != then[word]) word++;
      struct patch *patch = (struct patch *)(output + output_end);
      patch->address = page_address[page] + 8 * first;
      patch->length = 8 * (word - first);
      memcpy(patch->bytes, now + first, patch->length);
      output_end += sizeof *patch + patch->length;
      changes++;
    }
  }
  return changes;
}

// The part of the extended state behind the legacy region and its header.
#define XSTATE_HEADER 512
#define XSTATE_YMM 576

static void read_vectors(struct snapshot *s, const uint8_t *x) {
  const uint64_t present = *(const uint64_t *)(x + XSTATE_HEADER);
  const struct _fpstate_64 *legacy = (const void *)x;
  memset(&s->mxcsr, 0, sizeof *s - INTEGER_BYTES);
  s->mxcsr = legacy->mxcsr;
  s->fcw = present & 1 ? legacy->cwd : 0x37f;
  if (present & 1) {
    s->fsw = legacy->swd;
    s->ftw = legacy->twd;
    for (int i = 0; i < 8; i++) memcpy(s->st[i], x + 32 + 16 * i, 10);
  }
  for (int i = 0; i < 16; i++) {
    if (present & 2) memcpy(s->ymm[i], x + 160 + 16 * i, 16);
    if (present & 4) memcpy(s->ymm[i] + 16, x + XSTATE_YMM + 16 * i, 16);
  }
}

static void write_vectors(const struct snapshot *s, uint8_t *x) {
  struct _fpstate_64 *legacy = (void *)x;
  *(uint64_t *)(x + XSTATE_HEADER) |= 7;
  legacy->cwd = s->fcw;
  legacy->swd = s->fsw;
  legacy->twd = s->ftw;
  legacy->mxcsr = s->mxcsr;
  // A snapshot has no pointers to the last x87 instruction and its operand: they start at zero.
  legacy->fop = 0;
  legacy->rip = 0;
  legacy->rdp = 0;
  for (int i = 0; i < 8; i++) {
    memset(x + 32 + 16 * i, 0, 16);
    memcpy(x + 32 + 16 * i, s->st[i], 10);
  }
  for (int i = 0; i < 16; i++) {
    memcpy(x + 160 + 16 * i, s->ymm[i], 16);
    memcpy(x + XSTATE_YMM + 16 * i, s->ymm[i] + 16, 16);
  }
}

// Where the sixteen registers are in the kernel's frame, by encoding number.
static uint64_t *gpr_of(struct sigcontext_64 *c, int number) {
  uint64_t *const places[16] = {
      (uint64_t *)&c->ax, (uint64_t *)&c->cx,  (uint64_t *)&c->dx,  (uint64_t *)&c->bx,
      (uint64_t *)&c->sp, (uint64_t *)&c->bp,  (uint64_t *)&c->si,  (uint64_t *)&c->di,
      (uint64_t *)&c->r8, (uint64_t *)&c->r9,  (uint64_t *)&c->r10, (uint64_t *)&c->r11,
      (uint64_t *)&c->r12, (uint64_t *)&c->r13, (uint64_t *)&c->r14, (uint64_t *)&c->r15,
  };
  return places[number];
}

#define FLAG_TF 0x100
#define FLAG_RF 0x10000
#define VECTOR_DB 1
#define VECTOR_PF 14
#define FETCH 0x10

static int is_complete(const struct sigcontext_64 *c) {
  if (running->flags & ONE_STEP) return c->trapno == VECTOR_DB;
  return c->trapno == VECTOR_PF && c->ip == running->end && c->cr2 == running->end && (c->err & FETCH);
}

static void answer(struct sigcontext_64 *c, uint64_t fs_base, uint64_t gs_base) {
  if (output_end + MAX_ANSWER > OUT_BYTES) flush();
  struct run_answer *head = (struct run_answer *)(output + output_end);
  uint32_t start = output_end;
  output_end += sizeof *head;
  struct snapshot *state = (struct snapshot *)(output + output_end);
  for (int i = 0; i < 16; i++) state->gpr[i] = *gpr_of(c, i);
  state->rip = c->ip;
  // TF is ours, unless the code has set it itself; RF says what kind of exception it was.
  state->rflags = c->flags & ~(uint64_t)FLAG_RF;
  if (running->flags & ONE_STEP) state->rflags &= ~(uint64_t)FLAG_TF;
  state->fs_base = fs_base;
  state->gs_base = gs_base;
  output_end += INTEGER_BYTES;
  if (running->flags & WITH_VECTORS) {
    read_vectors(state, (const uint8_t *)c->fpstate);
    output_end += sizeof *state - INTEGER_BYTES;
  }
  int has_left = c->cs != USER_CS || c->ss != USER_SS;
  head->trap = has_left ? LEFT : is_complete(c) ? COMPLETE : c->trapno;
  head->error = c->err;
  head->cr2 = c->cr2;
  head->changes = write_changes();
  head->size = output_end - start;
}

static void load(struct sigcontext_64 *c) {
  const struct snapshot *state = &running->state;
  int has_vectors = (running->flags & WITH_VECTORS) != 0;
  apply_patches((const uint8_t *)state + (has_vectors ? sizeof *state : INTEGER_BYTES), running->patches);
  for (int i = 0; i < 16; i++) *gpr_of(c, i) = state->gpr[i];
  c->cs = USER_CS;
  c->ss = USER_SS;
  c->ip = state->rip;
  c->flags = state->rflags | (running->flags & ONE_STEP ? FLAG_TF : 0);
  // Without them they are what they were: the frame holds what the last run left.
  if (has_vectors) write_vectors(state, (uint8_t *)c->fpstate);
}

// A request may have loaded segment registers; the kernel leaves all but CS and SS alone.
static void reset_selectors(void) {
  uint32_t ds, es, fs, gs;
  __asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
                   : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
  if ((ds | es | fs | gs) == 0) return;
  __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0));
}

// The handler of every signal, behind `entry`.
void handle(int number, siginfo_t *info, struct ucontext *context) {
  uint64_t fs_base, gs_base;
  __asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(fs_base), "=r"(gs_base));
  (void)number;
  (void)info;
  struct sigcontext_64 *c = (struct sigcontext_64 *)&context->uc_mcontext;
  if (running != NULL) answer(c, fs_base, gs_base);
  for (;;) {
    uint32_t *request = next_request();
    if (request[1] == MAP) {
      map((const struct map_request *)request);
      continue;
    }
    if (request[1] != RUN) fail("harness: unknown request\n");
    running = (struct run_request *)request;
    load(c);
    reset_selectors();
    __asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(running->state.fs_base), "r"(running->state.gs_base));
    return;
  }
}

// The kernel's sigaction, which has a place for the code that returns from the handler.
struct kernel_sigaction {
  void (*handler)(int, siginfo_t *, struct ucontext *);
  unsigned long flags;
  void (*restorer)(void);
  unsigned long mask;
};

void restorer(void);
__asm__("restorer: mov $15, %eax\n syscall\n"); // rt_sigreturn

// The kernel leaves AC, NT and ID as the request had them: compiled code does not care for alignment, and the
// latter two are not restored from the frame.
void entry(int number, siginfo_t *info, struct ucontext *context);
__asm__("entry: push $0x202\n popfq\n jmp handle\n");

void __attribute__((noreturn)) start(void) {
  stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  system_call(__NR_sigaltstack, (long)&stack, 0, 0, 0, 0, 0);
  struct kernel_sigaction action = {
      .handler = entry,
      .flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER,
      .restorer = restorer,
  };
  static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
    system_call(__NR_rt_sigaction, signals[i], (long)&action, 0, 8, 0, 0);
  }
  // The first signal, which enters the handler for good.
  __asm__ volatile("ud2");
  fail("harness: came back from its handler\n");
}

// The kernel enters with RSP aligned; a C function expects it as after a call.
__asm__(".globl _start\n_start: and $-16, %rsp\n call start\n");
