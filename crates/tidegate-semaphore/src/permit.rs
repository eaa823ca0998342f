use std::sync::Arc;

use crate::semaphore::Semaphore;

/// One or several permits of a [`Semaphore`]; dropping them gives them back.
///
/// There is no `release` to call: it cannot be missed, nor called once too often.
///
/// # Examples
///
/// ```
/// # use tidegate_semaphore::Semaphore;
/// let semaphore = Semaphore::new(3);
/// let mut permit = semaphore.try_acquire_many(3).unwrap();
/// let one = permit.split(1).unwrap();
/// drop(permit);
/// assert_eq!(semaphore.available_permits(), 2);
/// one.forget();
/// assert_eq!(semaphore.available_permits(), 2);
/// ```
#[doc(alias = "release")]
#[derive(Debug)]
#[must_use = "dropping a `Permit` gives it straight back"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl<'a> Permit<'a> {
    #[inline]
    pub(crate) fn new(semaphore: &'a Semaphore, count: usize) -> Self {
        Self { semaphore, count }
    }

    /// The semaphore that the permits are of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert_eq!(permit.semaphore().available_permits(), 2);
    /// ```
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }

    /// How many permits this holds.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let permit = semaphore.try_acquire_many(2).unwrap();
    /// assert_eq!(permit.count(), 2);
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }

    /// Moves `n` of the permits into one of their own; `None`, changing nothing, when it holds fewer.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let mut permit = semaphore.try_acquire_many(3).unwrap();
    /// let one = permit.split(1).unwrap();
    /// assert_eq!((permit.count(), one.count()), (2, 1));
    /// assert!(permit.split(3).is_none());
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.count = self.count.checked_sub(n)?;
        Some(Self { semaphore: self.semaphore, count: n })
    }

    /// Takes the permits of `other` in.
    ///
    /// # Panics
    ///
    /// When they are of another semaphore; both go back to their own then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// let mut permit = semaphore.try_acquire().unwrap();
    /// permit.merge(semaphore.try_acquire_many(2).unwrap());
    /// assert_eq!(permit.count(), 3);
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(std::ptr::eq(self.semaphore, other.semaphore), "merging permits of two semaphores");
        // More may have been added while others were out, time and again.
        self.count = self.count.saturating_add(std::mem::take(&mut other.count));
    }

    /// Keeps the permits for good: they do not go back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Semaphore::new(3);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.give_back(self.count);
    }
}

/// As [`Permit`], owning a share of its semaphore.
///
/// # Examples
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate_semaphore::Semaphore;
/// let semaphore = Arc::new(Semaphore::new(2));
/// let mut permit = Arc::clone(&semaphore).try_acquire_owned().unwrap();
/// permit.merge(Arc::clone(&semaphore).try_acquire_owned().unwrap());
/// assert_eq!(permit.count(), 2);
/// drop(permit);
/// assert_eq!(semaphore.available_permits(), 2);
/// ```
#[derive(Debug)]
#[must_use = "dropping an `OwnedPermit` gives it straight back"]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    count: usize,
}

impl OwnedPermit {
    #[inline]
    pub(crate) fn new(semaphore: Arc<Semaphore>, count: usize) -> Self {
        Self { semaphore, count }
    }

    /// The semaphore that the permits are of.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = Arc::clone(&semaphore).try_acquire_owned().unwrap();
    /// assert!(Arc::ptr_eq(permit.semaphore(), &semaphore));
    /// ```
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// As [`Permit::count`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::Semaphore;
    /// let permit = Arc::new(Semaphore::new(3)).try_acquire_many_owned(2).unwrap();
    /// assert_eq!(permit.count(), 2);
    /// ```
    pub fn count(&self) -> usize {
        self.count
    }

    /// As [`Permit::split`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::Semaphore;
    /// let mut permit = Arc::new(Semaphore::new(3)).try_acquire_many_owned(3).unwrap();
    /// let one = permit.split(1).unwrap();
    /// std::thread::spawn(move || drop(one)).join().unwrap();
    /// assert_eq!(permit.semaphore().available_permits(), 1);
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.count = self.count.checked_sub(n)?;
        Some(Self { semaphore: Arc::clone(&self.semaphore), count: n })
    }

    /// As [`Permit::merge`].
    ///
    /// # Panics
    ///
    /// As [`Permit::merge`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// let mut permit = Arc::clone(&semaphore).try_acquire_owned().unwrap();
    /// permit.merge(semaphore.try_acquire_many_owned(2).unwrap());
    /// assert_eq!(permit.count(), 3);
    /// ```
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits of two semaphores"
        );
        self.count = self.count.saturating_add(std::mem::take(&mut other.count));
    }

    /// As [`Permit::forget`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use tidegate_semaphore::Semaphore;
    /// let semaphore = Arc::new(Semaphore::new(3));
    /// Arc::clone(&semaphore).try_acquire_owned().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        self.semaphore.give_back(self.count);
    }
}
