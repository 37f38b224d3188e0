/* kqueue by epoll: the queue's descriptor is an epoll's, in which each descriptor of the
 * program's stands once, for reading and writing together.  EVFILT_USER is an eventfd in
 * the same epoll.  The filters that Go's runtime and its net poller know are there:
 * EVFILT_READ, EVFILT_WRITE, EVFILT_USER.
 *
 * All of struct kqueue is guarded by dfly.kqueue_lock. */
#include "dfly.h"
#include "handlers.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define QUEUES_MAX 64
#define FDS_MAX    (1 << 20)
#define BATCH      32

/* One filter of one descriptor. */
struct note {
	uint64_t udata;
	uint16_t flags; /* of kevent, as they were given; 0: not there */
	bool disabled;
};
struct notes {
	struct note read, write;
};

struct kqueue {
	int fd;                 /* 0: this place is free */
	int event;              /* the eventfd; 0: none yet */
	struct bsd_kevent user; /* EVFILT_USER, the one that there is */
	struct notes *notes;    /* by descriptor */
};
static struct kqueue queue[QUEUES_MAX];

#define NOTES_SIZE (FDS_MAX * sizeof(struct notes))
#define USER_EVENT (1ul << 32)

static struct kqueue *find(int fd)
{
	for (int i = 0; i < QUEUES_MAX; i++)
		if (queue[i].fd == fd && fd != 0)
			return &queue[i];
	return NULL;
}

static void drop(struct kqueue *q)
{
	if (q->event != 0)
		sys1(__NR_close, q->event);
	pages_free(q->notes, NOTES_SIZE);
	*q = (struct kqueue){ 0 };
}

long do_kqueue(struct call *c)
{
	long fd = sys1(__NR_epoll_create1, 0), r = -EMFILE;
	struct notes *notes = pages_new(NOTES_SIZE);

	(void)c;
	lock_take(&dfly.kqueue_lock);
	for (int i = 0; fd > 0 && notes != NULL && i < QUEUES_MAX && r < 0; i++)
		if (queue[i].fd == 0) {
			queue[i] = (struct kqueue){ .fd = (int)fd, .notes = notes };
			r = fd;
		}
	lock_give(&dfly.kqueue_lock);
	if (r < 0 && notes != NULL)
		pages_free(notes, NOTES_SIZE);
	if (r < 0 && fd > 0)
		sys1(__NR_close, fd);
	return fd < 0 ? fd : r;
}

static bool on(const struct note *n)
{
	return n->flags != 0 && !n->disabled;
}

/* Tells epoll what the notes of fd say now. */
static long arm(struct kqueue *q, int fd)
{
	struct notes *n = &q->notes[fd];
	struct epoll_event e = { .data.u64 = (uint64_t)fd };
	bool clear = true;
	long r;

	if (on(&n->read)) {
		e.events |= EPOLLIN | EPOLLRDHUP;
		clear &= (n->read.flags & BSD_EV_CLEAR) != 0;
	}
	if (on(&n->write)) {
		e.events |= EPOLLOUT;
		clear &= (n->write.flags & BSD_EV_CLEAR) != 0;
	}
	if (e.events == 0) {
		r = sys4(__NR_epoll_ctl, q->fd, EPOLL_CTL_DEL, fd, &e);
		return r == -ENOENT ? 0 : r;
	}
	e.events |= clear ? EPOLLET : 0;
	r = sys4(__NR_epoll_ctl, q->fd, EPOLL_CTL_ADD, fd, &e);
	if (r == -EEXIST)
		r = sys4(__NR_epoll_ctl, q->fd, EPOLL_CTL_MOD, fd, &e);
	return r == -EPERM ? -EOPNOTSUPP : r;
}

static long change_user(struct kqueue *q, const struct bsd_kevent *k)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = USER_EVENT };
	uint64_t one = 1;

	if (k->flags & BSD_EV_DELETE) {
		q->user = (struct bsd_kevent){ 0 };
		return 0;
	}
	if (k->flags & BSD_EV_ADD) {
		if (q->user.filter != 0 && q->user.ident != k->ident)
			return -EOPNOTSUPP;
		q->user = *k;
	}
	if (q->user.filter == 0 || q->user.ident != k->ident)
		return -ENOENT;
	if (q->event == 0) {
		long fd = sys2(__NR_eventfd2, 0, EFD_NONBLOCK | EFD_CLOEXEC);

		if (fd < 0)
			return fd;
		q->event = (int)fd;
		sys4(__NR_epoll_ctl, q->fd, EPOLL_CTL_ADD, q->event, &e);
	}
	if (k->fflags & BSD_NOTE_TRIGGER)
		sys3(__NR_write, q->event, &one, 8);
	return 0;
}

static long change(struct kqueue *q, const struct bsd_kevent *k)
{
	int fd = (int)k->ident;
	struct note *n;

	if (k->filter == BSD_EVFILT_USER)
		return change_user(q, k);
	if (k->filter != BSD_EVFILT_READ && k->filter != BSD_EVFILT_WRITE)
		return -EOPNOTSUPP;
	if (k->ident >= FDS_MAX || sys2(__NR_fcntl, fd, F_GETFD) < 0)
		return -EBADF;
	n = k->filter == BSD_EVFILT_READ ? &q->notes[fd].read : &q->notes[fd].write;
	if (k->flags & BSD_EV_DELETE) {
		if (n->flags == 0)
			return -ENOENT;
		*n = (struct note){ 0 };
		return arm(q, fd);
	}
	if (k->flags & BSD_EV_ADD)
		*n = (struct note){ .udata = k->udata, .flags = k->flags };
	if (n->flags == 0)
		return -ENOENT;
	if (k->flags & (BSD_EV_ENABLE | BSD_EV_DISABLE))
		n->disabled = (k->flags & BSD_EV_DISABLE) != 0;
	return arm(q, fd);
}

/* The same two changes that Go makes for each descriptor are one epoll_ctl. */
static bool both(const struct bsd_kevent *k, int n)
{
	return n >= 2 && k[0].ident == k[1].ident && k[0].ident < FDS_MAX &&
	       k[0].filter == BSD_EVFILT_READ && k[1].filter == BSD_EVFILT_WRITE &&
	       k[0].flags == k[1].flags && k[0].flags == (BSD_EV_ADD | BSD_EV_CLEAR);
}

static long change_both(struct kqueue *q, const struct bsd_kevent *k)
{
	struct notes *n = &q->notes[k->ident];
	long r;

	n->read = (struct note){ .udata = k[0].udata, .flags = k[0].flags };
	n->write = (struct note){ .udata = k[1].udata, .flags = k[1].flags };
	r = arm(q, (int)k->ident);
	if (r != 0)
		*n = (struct notes){ 0 };
	return r;
}

/* One change, or two; -> how many, the result in *r. */
static int change_next(int fd, const struct bsd_kevent *k, int n, long *r)
{
	struct kqueue *q;
	bool two = both(k, n);

	lock_take(&dfly.kqueue_lock);
	q = find(fd);
	*r = q == NULL ? -EBADF : two ? change_both(q, k) : change(q, k);
	lock_give(&dfly.kqueue_lock);
	return two ? 2 : 1;
}

/* Bytes that can be read; connections that wait are at least one. */
static int64_t readable(int fd)
{
	int n = 0;

	return sys3(__NR_ioctl, fd, FIONREAD, &n) == 0 ? n : 1;
}

static int put_event(struct bsd_kevent *out, int fd, int filter, struct note *n, bool eof)
{
	*out = (struct bsd_kevent){
		.ident = (uint64_t)fd,
		.filter = (int16_t)filter,
		.udata = n->udata,
		.flags = (uint16_t)((n->flags & ~BSD_EV_ADD) | (eof ? BSD_EV_EOF : 0)),
		.data = filter == BSD_EVFILT_READ ? readable(fd) : 0,
	};
	if (n->flags & BSD_EV_ONESHOT)
		*n = (struct note){ 0 };
	else if (n->flags & BSD_EV_DISPATCH)
		n->disabled = true;
	return 1;
}

/* One event of epoll is up to two of kqueue. */
static int put_events(struct kqueue *q, const struct epoll_event *e, struct bsd_kevent *out)
{
	int fd = (int)e->data.u64, n = 0;
	struct notes *notes = &q->notes[fd];
	bool read_on = on(&notes->read), write_on = on(&notes->write);
	uint64_t count;

	if (e->data.u64 == USER_EVENT) {
		sys3(__NR_read, q->event, &count, 8);
		out[0] = q->user;
		out[0].flags = BSD_EV_CLEAR;
		out[0].fflags = 0;
		return q->user.filter != 0;
	}
	if (read_on && e->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		n += put_event(out + n, fd, BSD_EVFILT_READ, &notes->read,
			       e->events & (EPOLLRDHUP | EPOLLHUP));
	if (write_on && e->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		n += put_event(out + n, fd, BSD_EVFILT_WRITE, &notes->write,
			       e->events & (EPOLLHUP | EPOLLERR));
	if (read_on != on(&notes->read) || write_on != on(&notes->write))
		arm(q, fd);
	return n;
}

static long wait_for(int fd, struct bsd_kevent *out, int room, const struct timespec *timeout)
{
	struct epoll_event e[BATCH];
	struct bsd_kevent k[2 * BATCH];
	int max = room / 2 < 1 ? 1 : room / 2 < BATCH ? room / 2 : BATCH, n = 0;
	struct kqueue *q;
	long r;

	if (timeout != NULL && timeout->tv_sec == 0 && timeout->tv_nsec == 0)
		r = sys6(__NR_epoll_pwait, fd, e, max, 0, 0, 8);
	else
		r = block6(441 /* epoll_pwait2 */, fd, e, max, timeout, 0, 8);
	if (r <= 0)
		return r;
	lock_take(&dfly.kqueue_lock);
	q = find(fd);
	for (int i = 0; q != NULL && i < r; i++)
		n += put_events(q, &e[i], k + n);
	if (n > room) { /* of one: epoll is to say the other filter's once more */
		arm(q, (int)k[room].ident);
		n = room;
	}
	lock_give(&dfly.kqueue_lock);
	memcpy(out, k, (size_t)n * sizeof *k);
	return n;
}

/* Errors of changes are events where there is room for them. */
static long apply(int fd, const struct bsd_kevent *changes, int n, struct bsd_kevent *out,
		  int room, int *errors)
{
	for (int i = 0; i < n;) {
		struct bsd_kevent k[2];
		int two = n - i < 2 ? 1 : 2, done;
		long r;

		memcpy(k, changes + i, (size_t)two * sizeof *k);
		done = change_next(fd, k, two, &r);
		if (r == -EBADF && sys2(__NR_fcntl, fd, F_GETFD) < 0)
			return r;
		if (r != 0 || k[0].flags & BSD_EV_RECEIPT) {
			if (*errors >= room)
				return r;
			k[0].flags = BSD_EV_ERROR;
			k[0].data = r != 0 ? errno_to_bsd((int)-r) : 0;
			out[(*errors)++] = k[0];
		}
		i += done;
	}
	return 0;
}

/* kevent(kq, changes, n, events, room, timeout) */
long do_kevent(struct call *c)
{
	struct bsd_kevent *out = (struct bsd_kevent *)c->a[3];
	int fd = (int)c->a[0], room = (int)c->a[4], errors = 0;
	long r =
		apply(fd, (const struct bsd_kevent *)c->a[1], (int)c->a[2], out, room, &errors);

	if (r != 0 || errors > 0)
		return r != 0 ? r : errors;
	if (room <= 0)
		return 0;
	/* Another number than a queue's is no queue. */
	r = wait_for(fd, out, room, (const struct timespec *)c->a[5]);
	return r == -EINVAL ? -EBADF : r;
}

void kqueue_closed(int fd)
{
	struct epoll_event e = { 0 };

	if (fd < 0 || fd >= FDS_MAX)
		return;
	lock_take(&dfly.kqueue_lock);
	for (int i = 0; i < QUEUES_MAX; i++) {
		struct kqueue *q = &queue[i];

		if (q->fd == 0)
			continue;
		if (q->fd == fd) {
			drop(q);
		} else if (q->notes[fd].read.flags != 0 || q->notes[fd].write.flags != 0) {
			/* A duplicate may live on: the event would, too. */
			q->notes[fd] = (struct notes){ 0 };
			sys4(__NR_epoll_ctl, q->fd, EPOLL_CTL_DEL, fd, &e);
		}
	}
	lock_give(&dfly.kqueue_lock);
}

void kqueue_before_fork(void)
{
	lock_take(&dfly.kqueue_lock);
}

/* A child has no queues of its parent's; closing them there would change the parent's. */
void kqueue_after_fork(bool child)
{
	for (int i = 0; child && i < QUEUES_MAX; i++)
		if (queue[i].fd != 0) {
			sys1(__NR_close, queue[i].fd);
			drop(&queue[i]);
		}
	lock_give(&dfly.kqueue_lock);
}
