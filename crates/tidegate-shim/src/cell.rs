/// A cell whose contents are reached through closures, so that loom can watch each access.
///
/// # Examples
///
/// ```
/// use tidegate_shim::UnsafeCell;
///
/// let cell = UnsafeCell::new(1);
/// // Nobody else has it. Under loom, a race would be reported here.
/// cell.with_mut(|it| unsafe { *it += 1 });
/// assert_eq!(cell.with(|it| unsafe { *it }), 2);
/// assert_eq!(cell.into_inner(), 2);
/// ```
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// Wraps `value`.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Unwraps the value; owning the cell proves that nobody else looks.
    #[inline]
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Hands a pointer for reading to `f`.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Hands a pointer for writing to `f`.
    #[inline]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}
