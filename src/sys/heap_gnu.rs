//! How the C library manages the memory of a program that ends soon: glibc's malloc, mallopt(3).

/// What the heap grows by at least, in bytes: each growth is a system call.
const GROWTH: libc::c_int = 512 << 10;
/// Larger pieces are mapped on their own, and given back when they are freed.
const MAPPED: libc::c_int = 4 << 20;
/// So much at the end of the heap stays with the program once it is free: what it takes anew would have to be cleared again.
const KEPT: libc::c_int = 2 * MAPPED;

/// Has the heap of this process keep what was freed. For programs that end soon; it is to be called before there are threads.
pub fn keep_freed() {
    for (option, bytes) in [(libc::M_TOP_PAD, GROWTH), (libc::M_MMAP_THRESHOLD, MAPPED), (libc::M_TRIM_THRESHOLD, KEPT)]
    {
        // SAFETY: numbers. One that is refused changes nothing.
        #[allow(unsafe_code)]
        unsafe {
            libc::mallopt(option, bytes);
        }
    }
}
