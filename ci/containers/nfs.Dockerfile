# The image of the file server that the world `containers` starts for storages of NFS: the programs with which
# the kernel's own NFS server is told what to serve.
#
# Built by itself, where a storm asks for such a storage, on the image of the reference.
ARG BASE
FROM ${BASE}
RUN command -v rpc.nfsd >/dev/null || \
    { apt-get -q update && apt-get -qy install --no-install-recommends nfs-kernel-server && \
      rm -rf /var/lib/apt/lists/*; }
