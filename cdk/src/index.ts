export * from './endpoint';
export * from './provider';
