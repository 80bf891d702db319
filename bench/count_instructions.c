/* A QEMU plugin that counts executed guest instructions, in all and by phase.
 *
 *     qemu-arm -plugin ./count_instructions.so,mark=0x10424:attention,... PROGRAM
 *
 * Every block of code that begins at the address of a mark ends the phase before it and begins its
 * own. A block counts as a whole when it is entered, which is exact where nothing interrupts it.
 * At the end a line for each phase goes to standard error: "count NAME INSTRUCTIONS"; what ran
 * before the first mark is called "start".
 *
 * The declarations are those of QEMU's plugin interface, which distributions do not package; they
 * are the same in versions 1 to 4. QEMU refuses a plugin that asks for one that it does not know,
 * or no longer: VERSION says which.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_CB_NO_REGS = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb* tb,
                                          void (*cb)(unsigned int, void*), int flags,
                                          void* userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb* tb);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*cb)(qemu_plugin_id_t, void*),
                                    void* userdata);

__attribute__((visibility("default"))) int qemu_plugin_version = VERSION;

enum { MARKS_MAX = 16 };

struct mark {
    uint64_t address;
    char name[32];
    uint64_t instructions;
};

static struct mark marks[MARKS_MAX] = {{.name = "start"}};
static size_t mark_count = 1;
static struct mark* current = marks;

static void enter_mark(unsigned int cpu, void* mark) {
    (void)cpu;
    current = mark;
}

// The work that a team of two shares, run by one core piece by piece (bench/train_loop.cpp): what
// each of two cores would do of it. The first takes the pieces from the front, the second from the
// back, each as soon as it has ended its last one. The second begins when it has seen the work,
// which takes it a turn of its waiting loop and a claim: kSeen, an estimate.
enum { kPiecesMost = 4096, kSeen = 60 };

static struct {
    uint64_t shares, pieces, taken, critical, first, second;
    uint64_t costs[kPiecesMost];
    size_t count;
} team;

// Called behind the last piece. Its cost is that of finding none left.
static void end_share(void) {
    uint64_t first = 0, second = kSeen;
    size_t from = 0, to = team.count > 0 ? team.count - 1 : 0;
    team.pieces += to;
    ++team.shares;
    while (from < to) {
        if (first <= second) {
            first += team.costs[from++];
        } else {
            second += team.costs[--to];
            ++team.taken;
            team.second += team.costs[to];
        }
    }
    first += team.count > 0 ? team.costs[team.count - 1] : 0;
    team.first += first;
    team.critical += first > second ? first : second;
    team.count = 0;
}

static void enter_team(unsigned int cpu, void* name) {
    (void)cpu;
    const char kind = *(const char*)name;
    if (kind == 'p' && team.count < kPiecesMost) {
        team.costs[team.count++] = 0;
    } else if (kind == 'j') {
        end_share();
    }
}

static void run_block(unsigned int cpu, void* size) {
    (void)cpu;
    current->instructions += (uintptr_t)size;
    if (team.count > 0) {
        team.costs[team.count - 1] += (uintptr_t)size;
    }
}

static void translate_block(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
    (void)id;
    for (size_t i = 1; i < mark_count; ++i) {
        if (marks[i].address != qemu_plugin_tb_vaddr(tb)) {
            continue;
        }
        if (strncmp(marks[i].name, "team_", 5) == 0) {
            qemu_plugin_register_vcpu_tb_exec_cb(tb, enter_team, QEMU_PLUGIN_CB_NO_REGS,
                                                 marks[i].name + 5);
        } else {
            qemu_plugin_register_vcpu_tb_exec_cb(tb, enter_mark, QEMU_PLUGIN_CB_NO_REGS, &marks[i]);
        }
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, run_block, QEMU_PLUGIN_CB_NO_REGS,
                                         (void*)(uintptr_t)qemu_plugin_tb_n_insns(tb));
}

static void report(qemu_plugin_id_t id, void* unused) {
    (void)id;
    (void)unused;
    for (size_t i = 0; i < mark_count; ++i) {
        fprintf(stderr, "count %s %" PRIu64 "\n", marks[i].name, marks[i].instructions);
    }
    fprintf(stderr, "team shares %" PRIu64 " pieces %" PRIu64 " taken %" PRIu64, team.shares,
            team.pieces, team.taken);
    fprintf(stderr, " first %" PRIu64 " second %" PRIu64 " critical %" PRIu64 "\n", team.first,
            team.second, team.critical);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
                                                               const void* info, int argc,
                                                               char** argv) {
    (void)info;
    for (int i = 0; i < argc; ++i) {
        struct mark mark = {0};
        if (mark_count == MARKS_MAX ||
            sscanf(argv[i], "mark=%" SCNx64 ":%31s", &mark.address, mark.name) != 2) {
            fprintf(stderr, "count_instructions: cannot use %s\n", argv[i]);
            return -1;
        }
        marks[mark_count++] = mark;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate_block);
    qemu_plugin_register_atexit_cb(id, report, NULL);
    return 0;
}
