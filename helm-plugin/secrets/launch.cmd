@ksecrets helm wrap %*
