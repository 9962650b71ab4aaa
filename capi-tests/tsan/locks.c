/* Linked into the library that the thread sanitizer watches. What the standard library's locks do when they have to wait
 * comes compiled without the sanitizer, which has to be told what it orders. LOCK is the linker's name of
 * std::sys::sync::mutex::futex::Mutex::lock_contended, CALL that of std::sys::sync::once::futex::Once::call. */
void __tsan_acquire(void *);
void __tsan_release(void *);

void real_lock(void *mutex) __asm__("__real_" LOCK);
void wrap_lock(void *mutex) __asm__("__wrap_" LOCK);
void real_call(void *once, long b, void *c, void *d, void *e) __asm__("__real_" CALL);
void wrap_call(void *once, long b, void *c, void *d, void *e) __asm__("__wrap_" CALL);

void wrap_lock(void *mutex)
{
    real_lock(mutex);
    __tsan_acquire(mutex);
}

void wrap_call(void *once, long b, void *c, void *d, void *e)
{
    real_call(once, b, c, d, e);
    __tsan_release(once);
    __tsan_acquire(once);
}
