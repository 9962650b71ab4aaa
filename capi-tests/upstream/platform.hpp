// What upstream's configuration finds on Linux with glibc: the macros under which its sources and test programs are
// compiled here. The stable API, IPC and CURVE are on; drafts, WebSocket, TIPC, PGM, NORM, VMCI and GSSAPI are off.
#ifndef CAPI_TESTS_PLATFORM_HPP
#define CAPI_TESTS_PLATFORM_HPP

#include <features.h>

#define ZMQ_HAVE_LINUX

#define ZMQ_IOTHREAD_POLLER_USE_EPOLL
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC
#define ZMQ_POLL_BASED_ON_POLL
#define ZMQ_HAVE_PPOLL
#define ZMQ_USE_CV_IMPL_STL11
#define ZMQ_HAVE_NOEXCEPT

#define ZMQ_CACHELINE_SIZE 64
#define HAVE_POSIX_MEMALIGN 1

#define HAVE_FORK
#define HAVE_CLOCK_GETTIME
#define HAVE_MKDTEMP
#define HAVE_ACCEPT4
#define HAVE_STRNLEN
#define HAVE_IF_NAMETOINDEX
#define ZMQ_HAVE_UIO
#define ZMQ_HAVE_IFADDRS
#define ZMQ_HAVE_EVENTFD
#define ZMQ_HAVE_EVENTFD_CLOEXEC
#define ZMQ_HAVE_O_CLOEXEC
#define ZMQ_HAVE_PTHREAD_SETNAME_2
#define ZMQ_HAVE_PTHREAD_SET_AFFINITY

#define ZMQ_HAVE_SOCK_CLOEXEC
#define ZMQ_HAVE_SO_BINDTODEVICE
#define ZMQ_HAVE_SO_KEEPALIVE
#define ZMQ_HAVE_SO_PEERCRED
#define ZMQ_HAVE_SO_PRIORITY
#define ZMQ_HAVE_BUSY_POLL
#define ZMQ_HAVE_TCP_KEEPCNT
#define ZMQ_HAVE_TCP_KEEPIDLE
#define ZMQ_HAVE_TCP_KEEPINTVL

#define ZMQ_HAVE_IPC
#define ZMQ_HAVE_STRUCT_SOCKADDR_UN

#define ZMQ_HAVE_CURVE
#ifndef ZMQ_USE_LIBSODIUM
#define ZMQ_USE_LIBSODIUM
#endif

#if defined __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 38)
#define ZMQ_HAVE_STRLCPY
#endif
#endif

#endif
