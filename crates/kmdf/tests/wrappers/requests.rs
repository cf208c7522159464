//! Requests: values that are completed once, with what was written and nothing else.

use super::driver::{RUN, with_device};
use super::on_requests;
use kmdf::{Error, Method, NonPagedNx, Tag};
use kmdf_test::{Config, IoStatus};
use nt_model::File;

const IN_DIRECT: u32 = RUN | 1;
const OUT_DIRECT: u32 = RUN | 2;
const NEITHER: u32 = RUN | 3;

fn using<T: Send + 'static>(user: impl FnOnce(&File) -> T + Send + 'static) -> T {
    with_device(Config::default(), |_, file| user(file.as_model())).expect("no bug check")
}

const fn done(information: usize) -> IoStatus {
    IoStatus {
        status: 0,
        information,
    }
}

const fn refused(error: Error) -> IoStatus {
    IoStatus {
        status: error.status(),
        information: 0,
    }
}

/// C8, REQ-33: the sender gets the bytes that were written, not the room it gave.
#[test]
fn the_information_is_what_was_written() {
    using(|file| {
        on_requests(|_, request, _| {
            request.complete_with(|transfer| {
                assert_eq!((transfer.input_length(), transfer.output_length()), (5, 10));
                let first = transfer.input(5)?.first().copied();
                let mut output = transfer.into_output()?;
                assert_eq!(first, Some(b'h'));
                output.write(b"ab")?;
                output.write(b"")?;
                assert_eq!(output.write(b"c"), Ok(3));
                assert_eq!((output.written(), output.remaining()), (3, 7));
                assert_eq!(output.write(&[1; 8]), Err(Error::BUFFER_TOO_SMALL));
                Ok(output.written())
            })
        });
        let mut output = [0xFF; 10];
        assert_eq!(file.ioctl(RUN, b"hello", &mut output), done(3));
        assert_eq!(&output, b"abc\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    });
}

/// C8: an error takes nothing out, a warning what was written.
#[test]
fn errors_withhold_the_output() {
    using(|file| {
        on_requests(|_, request, _| {
            request.complete_with(|transfer| {
                transfer.into_output()?.write(b"secret")?;
                Err(Error::UNSUCCESSFUL)
            })
        });
        let mut output = [0; 10];
        assert_eq!(
            file.ioctl(RUN, b"hello", &mut output),
            refused(Error::UNSUCCESSFUL)
        );
        assert_eq!(output, [0; 10]);

        on_requests(|_, request, _| {
            request.complete_with(|transfer| {
                transfer.into_output()?.write(b"some")?;
                Err(Error::BUFFER_OVERFLOW)
            })
        });
        let status = file.ioctl(RUN, b"hello", &mut output);
        assert_eq!(
            (status.status, status.information),
            (Error::BUFFER_OVERFLOW.status(), 4)
        );
        assert_eq!(&output[..5], b"some\0");
    });
}

/// REQ-8, REQ-11: short and absent input; no room for output.
#[test]
fn short_buffers_have_the_documented_status() {
    using(|file| {
        for (input, minimum) in [(&b"abc"[..], 4), (b"", 0), (b"", 1)] {
            on_requests(move |_, request, _| {
                request.complete_with(|transfer| transfer.input(minimum).map(|_| 0))
            });
            assert_eq!(
                file.ioctl(RUN, input, &mut []),
                refused(Error::BUFFER_TOO_SMALL)
            );
        }
        on_requests(|_, request, _| {
            request.complete_with(|transfer| {
                let mut output = transfer.into_output()?;
                assert_eq!(output.remaining(), 0);
                output.write(b"x")
            })
        });
        assert_eq!(
            file.ioctl(RUN, b"abc", &mut []),
            refused(Error::BUFFER_TOO_SMALL)
        );
    });
}

/// C9, P2, P6, REQ-37: memory parented to the request and memory over its own buffer both die with
/// it.
#[test]
fn memory_of_a_request_is_deleted_when_it_is_completed() {
    with_device(Config::default(), |test, file| {
        let file = file.as_model();
        let before = test.kernel().verifier().live_blocks;
        on_requests(|_, request, _| {
            request.complete_with(|mut transfer| {
                let mut scratch = transfer.create_memory::<NonPagedNx>(
                    const { Tag::new(b"Scra") },
                    transfer.input_length(),
                )?;
                assert!(scratch.bytes().iter().all(|&byte| byte == 0));
                let mut wrapped = transfer.wrap_input()?;
                wrapped.bytes_mut().make_ascii_uppercase();
                wrapped.copy_from(0, b"[")?;
                wrapped.copy_to(0, scratch.bytes_mut())?;
                scratch.bytes_mut().reverse();
                transfer.into_output()?.write(scratch.bytes())
            })
        });
        let mut output = [0; 8];
        assert_eq!(file.ioctl(RUN, b"(abc", &mut output), done(4));
        assert_eq!(&output[..4], b"CBA[");
        assert_eq!(test.kernel().verifier().live_blocks, before);
    })
    .expect("no bug check");
}

/// P3, P4, C5: nothing to wrap, nothing to create.
#[test]
fn memory_of_a_request_needs_bytes() {
    using(|file| {
        on_requests(|_, request, _| {
            request.complete_with(|mut transfer| {
                assert_eq!(transfer.wrap_input().err(), Some(Error::BUFFER_TOO_SMALL));
                let refused = transfer.create_memory::<NonPagedNx>(Tag::DEFAULT, 0).err();
                assert_eq!(refused, Some(Error::INVALID_PARAMETER));
                Ok(0)
            })
        });
        assert_eq!(file.ioctl(RUN, b"", &mut []), done(0));
    });
}

/// Whatever the alignment of either side.
#[test]
fn direct_input_is_copied_byte_for_byte() {
    using(|file| {
        on_requests(|_, request, _| {
            request.complete_with(|transfer| {
                let direct = transfer.direct_input()?;
                for offset in 0..direct.len() {
                    for length in 0..=direct.len() - offset {
                        let mut bytes = [0xFF; 41];
                        direct.copy_to(offset, &mut bytes[1..=length])?;
                        let copied = (offset as u8..).take(length);
                        assert!(bytes[1..=length].iter().copied().eq(copied));
                        assert!(bytes[0] == 0xFF && bytes[length + 1..].iter().all(|b| *b == 0xFF));
                    }
                }
                Ok(direct.len())
            })
        });
        let mut pages: [u8; 39] = std::array::from_fn(|index| index as u8);
        assert_eq!(file.ioctl(IN_DIRECT, b"", &mut pages), done(39));
    });
}

/// The direct methods: pages of the sender are copied from and to, never referred to.
#[test]
fn direct_buffers_are_copied() {
    using(|file| {
        on_requests(|_, request, _| {
            assert_eq!(request.method(), Method::InDirect);
            request.complete_with(|transfer| {
                assert_eq!(transfer.input(0)?, b"in");
                let direct = transfer.direct_input()?;
                let mut bytes = [0; 3];
                direct.copy_to(direct.len() - 3, &mut bytes)?;
                assert_eq!(&bytes, b"ect");
                assert_eq!(direct.copy_to(4, &mut bytes), Err(Error::BUFFER_TOO_SMALL));
                assert_eq!(
                    direct.copy_to(usize::MAX, &mut bytes),
                    Err(Error::BUFFER_TOO_SMALL)
                );
                assert_eq!(
                    transfer.into_output().err(),
                    Some(Error::INVALID_DEVICE_REQUEST)
                );
                Ok(6)
            })
        });
        assert_eq!(
            file.ioctl(IN_DIRECT, b"in", &mut b"direct".to_owned()),
            done(6)
        );

        on_requests(|_, request, _| {
            assert_eq!(request.method(), Method::OutDirect);
            request.complete_with(|transfer| {
                let refused = transfer.direct_input().err();
                assert_eq!(refused, Some(Error::INVALID_DEVICE_REQUEST));
                transfer.into_output()?.write(b"out")
            })
        });
        let mut output = [0xFF; 5000];
        assert_eq!(file.ioctl(OUT_DIRECT, b"in", &mut output), done(3));
        assert_eq!(&output[..4], b"out\xFF");
    });
}

/// REQ-9: bare pointers are refused.
#[test]
fn neither_method_is_refused() {
    using(|file| {
        on_requests(|_, request, _| {
            assert_eq!(request.method(), Method::Neither);
            request.complete_with(|transfer| {
                assert_eq!(transfer.input(1).err(), Some(Error::INVALID_DEVICE_REQUEST));
                transfer.into_output().map(|_| 0)
            })
        });
        let status = file.ioctl(NEITHER, b"in", &mut [0; 4]);
        assert_eq!(status, refused(Error::INVALID_DEVICE_REQUEST));
    });
}

/// P10: a request can be taken apart before it is completed.
#[test]
fn a_request_can_be_read_before_it_is_completed() {
    using(|file| {
        on_requests(|_, request, _| match request.input(4) {
            Ok(b"deny") => request.complete(Err(Error::ACCESS_DENIED)),
            Ok(_) => request.complete(Ok(0)),
            Err(error) => request.complete(Err(error)),
        });
        assert_eq!(
            file.ioctl(RUN, b"deny", &mut []),
            refused(Error::ACCESS_DENIED)
        );
    });
}

/// QUE-26: a queue without read and write handlers.
#[test]
fn reads_and_writes_are_refused_without_a_handler() {
    using(|file| {
        assert_eq!(
            file.read(&mut [0; 4], 0),
            refused(Error::INVALID_DEVICE_REQUEST)
        );
        assert_eq!(
            file.write(b"data", 0),
            refused(Error::INVALID_DEVICE_REQUEST)
        );
    });
}
