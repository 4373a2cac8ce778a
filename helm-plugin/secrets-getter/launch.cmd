@ksecrets helm getter %*
