/* NSS's softoken wants the folder of its database when it is initialised, which generic programs do not give. This is that
 * library with C_Initialize replaced: NSS_LIBRARY names it, NSS_PARAMETERS holds what it wants. Built by
 * tests/keys/test_pkcs11_nss.py. The function list: a version, then 68 pointers, C_Initialize first (PKCS #11 2.40). */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { FUNCTIONS = 68, OS_LOCKING = 2 };
struct list { unsigned char version[sizeof(void *)]; void *functions[FUNCTIONS]; };
struct arguments { void *callbacks[4]; unsigned long flags; char *parameters; void *reserved; };

static struct list changed;
static unsigned long (*initialize)(void *);

static unsigned long with_parameters(void *ignored) {
    struct arguments arguments = {.flags = OS_LOCKING, .parameters = getenv("NSS_PARAMETERS")};
    (void)ignored;
    return initialize(&arguments);
}

unsigned long C_GetFunctionList(struct list **found) {
    struct list *real;
    void *library = dlopen(getenv("NSS_LIBRARY"), RTLD_NOW);
    unsigned long (*get)(struct list **) = library ? dlsym(library, "C_GetFunctionList") : 0;
    if (!get || get(&real)) return 5;
    memcpy(&changed, real, sizeof changed);
    initialize = changed.functions[0];
    changed.functions[0] = with_parameters;
    *found = &changed;
    return 0;
}
