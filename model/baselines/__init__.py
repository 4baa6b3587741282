"""What AnANet is compared with, one network a file, all over the same `Batch` and by the same training."""
