export * from './check';
export * from './endpoint';
export * from './provider';
export * from './target';
export * from './zone';
