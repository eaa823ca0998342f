/// What every guard does: lend its value (`&`), or lend it to be written (`&mut`), and show it.
macro_rules! lends {
    (&mut for [$($param:tt)*] $guard:ty => $value:ty) => {
        $crate::lends::lends!(& for [$($param)*] $guard => $value);

        impl<$($param)*> std::ops::DerefMut for $guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut $value {
                &mut self.held
            }
        }
    };
    (& for [$($param:tt)*] $guard:ty => $value:ty) => {
        impl<$($param)*> std::ops::Deref for $guard {
            type Target = $value;

            #[inline]
            fn deref(&self) -> &$value {
                &self.held
            }
        }

        impl<$($param)*> std::fmt::Debug for $guard
        where
            $value: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<$($param)*> std::fmt::Display for $guard
        where
            $value: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

pub(crate) use lends;
