/* Linked into what the thread sanitizer watches. What the standard library's locks do when they have to wait comes
 * compiled without the sanitizer, which has to be told what it orders; as does the end of a scoped thread. The names
 * are the linker's, of functions in std::sys::sync and std::thread::scoped. */
#include <stddef.h>

void __tsan_acquire(void *);
void __tsan_release(void *);

void real_lock(void *mutex) __asm__("__real_" LOCK);
void wrap_lock(void *mutex) __asm__("__wrap_" LOCK);
void real_call(void *once, long b, void *data, void **vtable, void *place) __asm__("__real_" CALL);
void wrap_call(void *once, long b, void *data, void **vtable, void *place) __asm__("__wrap_" CALL);
void real_wait(void *condvar, void *mutex) __asm__("__real_" WAIT);
void wrap_wait(void *condvar, void *mutex) __asm__("__wrap_" WAIT);
long real_wait_timeout(void *condvar, void *mutex, long s, long ns) __asm__("__real_" WAIT_TIMEOUT);
long wrap_wait_timeout(void *condvar, void *mutex, long s, long ns) __asm__("__wrap_" WAIT_TIMEOUT);
void real_end(void *scope, long panic) __asm__("__real_" END_THREAD);
void wrap_end(void *scope, long panic) __asm__("__wrap_" END_THREAD);

void wrap_lock(void *mutex)
{
    real_lock(mutex);
    __tsan_acquire(mutex);
}

/* What is to be done once, and then told of, before the others can see that it is done. */
struct once {
    void *data;
    void (*call)(void *data, void *state);
    void *once;
};

static void do_once(struct once *self, void *state)
{
    self->call(self->data, state);
    __tsan_release(self->once);
}

/* A closure comes as its data and its table: drop, size, alignment, FnOnce's function and FnMut's. */
void wrap_call(void *once, long b, void *data, void **vtable, void *place)
{
    struct once self = { data, (void (*)(void *, void *))vtable[4], once };
    void *mine[] = { NULL, (void *)sizeof self, (void *)sizeof(void *), NULL, (void *)do_once };
    real_call(once, b, &self, mine, place);
    __tsan_acquire(once);
}

/* Waiting leaves the mutex and takes it again. */
void wrap_wait(void *condvar, void *mutex)
{
    __tsan_release(mutex);
    real_wait(condvar, mutex);
    __tsan_acquire(mutex);
}

long wrap_wait_timeout(void *condvar, void *mutex, long s, long ns)
{
    __tsan_release(mutex);
    long woken = real_wait_timeout(condvar, mutex, s, ns);
    __tsan_acquire(mutex);
    return woken;
}

/* The count of threads is one of the scope's first words. */
void wrap_end(void *scope, long panic)
{
    for (size_t i = 0; i < 3; i++)
        __tsan_release((void **)scope + i);
    real_end(scope, panic);
}
